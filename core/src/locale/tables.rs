//! Which Chinese characters tell Simplified from Traditional text, as sorted UTF-16 code units for a binary search.
//!
//! Not every character that differs: the frequent ones, without those that are ordinary Japanese. So the characters
//! that Japan simplified like China (国, 学, 会) are not Simplified, and those that it never simplified (時, 間, 話) are
//! not Traditional. Kanji-only Japanese would otherwise count as the one or the other. Ordinary is what the Jōyō table
//! lists, and a few that it lacks and everybody reads (喧嘩の嘩, 餃子の餃).

/// Written in Simplified Chinese only.
static SIMPLIFIED: [u16; SIMPLIFIED_TEXT.len() / 3] = code_units(SIMPLIFIED_TEXT);

/// Written in Traditional Chinese only, the letters of written Cantonese included.
static TRADITIONAL: [u16; TRADITIONAL_TEXT.len() / 3] = code_units(TRADITIONAL_TEXT);

/// Words of two characters, each word Traditional as a whole: Simplified Chinese writes it otherwise, and Japanese,
/// which has the characters, does not have the word.
static TRADITIONAL_WORDS: [u16; TRADITIONAL_WORDS_TEXT.len() / 3] = code_units(TRADITIONAL_WORDS_TEXT);

/// What a character may say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Says {
    Nothing,
    Simplified,
    Traditional,
    /// The second of a word that is Traditional.
    InWord,
}

/// Where the characters begin that say something, and the first that does not belong there.
const FIRST: u16 = 0x3400;
const AFTER: u16 = 0xA000;

/// What a character may say, in one step: two bits for each of the plane's characters. Small processors have no room for
/// 7 KB of them and search.
#[cfg(target_pointer_width = "64")]
mod said {
    use super::{AFTER, FIRST, SIMPLIFIED, Says, TRADITIONAL, TRADITIONAL_WORDS};

    static SAID: [u64; (AFTER - FIRST) as usize / 32] = {
        let mut said = [0; (AFTER - FIRST) as usize / 32];
        mark(&mut said, &SIMPLIFIED, 1, false);
        mark(&mut said, &TRADITIONAL, 2, false);
        mark(&mut said, &TRADITIONAL_WORDS, 3, true);
        said
    };

    /// Marks all of `units`, or every second.
    #[expect(clippy::indexing_slicing, reason = "by the compiler: with a character out of range this does not build")]
    const fn mark(said: &mut [u64], mut units: &[u16], says: u64, second: bool) {
        let mut is_due = !second;
        while let [unit, rest @ ..] = units {
            if is_due {
                let place = unit.wrapping_sub(FIRST);
                said[place as usize / 32] |= says.wrapping_shl(shift(place));
            }
            is_due = !second || !is_due;
            units = rest;
        }
    }

    const fn shift(place: u16) -> u32 {
        (place as u32 % 32).wrapping_mul(2)
    }

    pub(in crate::locale) fn says(unit: u16) -> Says {
        let place = unit.wrapping_sub(FIRST);
        let bits = SAID.get(usize::from(place / 32)).copied().unwrap_or_default();
        match bits.wrapping_shr(shift(place)) & 3 {
            0 => Says::Nothing,
            1 => Says::Simplified,
            2 => Says::Traditional,
            _ => Says::InWord,
        }
    }
}

#[cfg(target_pointer_width = "64")]
pub(super) use said::says;

/// What a character may say.
#[cfg(not(target_pointer_width = "64"))]
pub(super) fn says(unit: u16) -> Says {
    if !(FIRST..AFTER).contains(&unit) {
        Says::Nothing
    } else if TRADITIONAL.binary_search(&unit).is_ok() {
        Says::Traditional
    } else if SIMPLIFIED.binary_search(&unit).is_ok() {
        Says::Simplified
    } else {
        // The words are as many again: whether it is one of them the caller finds out.
        Says::InWord
    }
}

/// Whether two characters that stand side by side are a word that is Traditional.
pub(super) fn is_traditional_word(before: u16, this: u16) -> bool {
    let (words, _) = TRADITIONAL_WORDS.as_chunks::<2>();
    words.binary_search(&[before, this]).is_ok()
}

/// Every character of these texts takes three bytes of UTF-8.
const fn code_units<const N: usize>(text: &str) -> [u16; N] {
    let mut units = [0; N];
    let mut places: &mut [u16] = &mut units;
    let mut bytes = text.as_bytes();
    while let ([a, b, c, more @ ..], [place, others @ ..]) = (bytes, places) {
        *place = ((*a as u16 & 0x0f) << 12) | ((*b as u16 & 0x3f) << 6) | (*c as u16 & 0x3f);
        bytes = more;
        places = others;
    }
    units
}

const SIMPLIFIED_TEXT: &str = "\
     专东丝丢两严个临为举么义乐习乡书买亏亚产亲亿仅从仓仪们价优伟传伤伦侧俩债倾偿储兰关兴养册军农冯冲决况冻净凉减\
     凑击刘则刚创删别剧劝办务动劲劳势华协单卖卫厂厅历厉压厌发变叠叹吓吗吨听启吴呗员响哟唤啰喷团园围图圆圣场块坚垫\
     墙壳处备复够头夹夺奋奖妆妇妈娱婶孙宁实宠审宫宽宾对寻导尔尝尴层岁岗岛币帅师帐带帧帮广庆库应废开异弃张弯弹强归\
     录彻忆忧怀态总恳恶恼惊惯愤懒戏战户执扩扫扬扰护报拟拥拦拨择挡挤挥捞损捡换揽搅摄摆摇摊撑敌无时显晓晕暂暧术杀杂\
     权杨极构枪柜标栏树样档桥梦检欢毁毕气汇汉汤沟沪泪泽洁浆测济浏浓涂润涨渐渗滚满滤灭灵灾灿炼烂烛烦烧烫热爱爷牵犹\
     猎环现电畅疗疯监盖盘瞒码砖础硕确离种积稳穷窝竞笔筛筹签简类粮紧红纤约级纪纯纲纳纵纷纸线练组细织终绍经绑绒结绕\
     给络绝统绣继绩续维综绿缓编缘缝缠缩缴网罗罚罢职联聪肃肠肤肾肿胀胜胶脏脑脸腻腾艺节苏苹荡荣药获萝营虑虽虾补衬裤\
     见观规视览觉计订认讨让训议讯记讲讶许论讽设访证评识诉诊词译试诗诚话询该详语误说请诸读课谁调谅谈谊谎谐谓谜谢谨\
     谱贝负财责败账货质贪购贱贴贵费贺资赌赏赔赖赚赛赞赠赢赵赶趋跃车转轮软轻载较辅辆辈输辩边达迁过迈运还这进远违连\
     迟适选递逻遗遥邓邮邻郑酱释针钉钞钟钢钥钱钻铁铃铜银铺链销锁锅锋错键镇镜长门闪闭问闯闲间闷闹闻阅队阳阴阵阶际陆\
     陈险隐难雾韩韵页顶项顺须顽顾顿颁预领颈频颗题颜额颠颤风飘飞饭饮饱饶饺饼饿馆馈马驱驳驶驻驾骂验骑骗骤鱼鲜鸟鸡齐\
     龄龙";

const TRADITIONAL_TEXT: &str = "\
     㗎丟亂亞佇佈佔佢來俠倆們傳僑價儉儘兌兒內兩冇刪剎劉劍劑勁勞勳勸匯區卻厲參吳吶咁咗哋啞啟啱啲單喲喺嗆嗎嗚嗰嘅嘗\
     嘢嘮嘯嘰噓噸嚀嚕嚟嚨嚮嚴囉囑國圍圓圖團墊壓壘壞壟壩壯壽夠夾奧妝妳娛媽嬌嬰嬸學寢實寫寬寶將專對尷屆屢屬崗嶽帶幀\
     幫廁廚廠廢廣廬廳彆彈彌彎彥徑從恆悅惡惱慘憐憑憫應懶懷懼戀戰戲戶拋捲掙揀搖搗搵搶摟摻撈撐撓撥撿擄擇擊擋擔據擠擰\
     擱擲擴擺擼擾攆攏攔攜攝攞攤攪攬敘數斂斃斷於晉暈暱曆曉曠曬會條棧楊榮樁樂樓樣樸橢橫檔檢檯權欖歐歡歲歷歸殘殲殼氣\
     汙沒淚淨淺溫滌滬滯滲滷滾滿漲漿潑潛澀濕濟濤濺濾瀉瀏瀟瀾灑灣煥燉燒燙營爐爛爭爲爺爾牀牆牠犧狀獎獨獵獸獻瑣瑩瑪產\
     畢畫當疊瘋瘡癮發盜盞盡盧眾睇睜瞓瞞矚碼磚礙礦祕禮禱稅稱穩窩竅竊篩簽籃籌籤粵絕絲綁經綜綠綢綫緣縣縱總繞繡繩繪繫\
     繳繼續纏纖纜羣聯聰聲聳聶聽肅脫腦腳膠膩膽臉臘臺與舉舊艙艱艷莊莖萊萬蔣蔥蕩蕭薑藝藥藹蘆蘊蘋蘿處虛號虧蝦蝸蟲蠅蠟\
     裝裡褲襯覓覺覽觀觸訊訝詢說諒諗諷謂謊謠證譯譴譽讀變讓讚豈豐豬貓賒賣賤賬賴賺賽贏趕趙趨踐蹤軀軋輕輛轉轎辦辭辯迴\
     這遞遲邁邊邏鄉鄧鄭鄰醫醬釀釋鈔鈕鈞鉤銜銳銷鋒鋪錄錢錶鎊鏈鏢鏽鐵鑄鑰鑼鑽鑿閒閘閱闆闊闖關闡陝隨險隱雖雙雜雞靈靜\
     韋頗顏顫顯颱飄餘餵饋饒饞馮駕駛駱騙騷驅驕驗驟髒體髮鬆鬍鬥鬧魯鵝鹹鹽麥麵麼黃點黨齒齡龐龜";

const TRADITIONAL_WORDS_TEXT: &str = "\
     上課上週下課下載下週不過主機之後交給以為係咪備好再見出門分開剛剛剛才動手升級去買司機吃飯員工哪個唔係問他問你\
     問問因為報到報名報錯官網定係寄給小時幾位幾個幾天幾時幾次庫存律師後天忘記恢復想買成為房間手機打開換個換成是誰\
     時候更換有時機票準時為了為什無法無聊然後稍後簡報紅包細節結帳給他給你給大給她給您給我網址網站網路網頁線上老師\
     要買見到見面訂位訂房訂票訂餐記住記得許多試看試試試過認為認真語音誰在誰有誰的誰知誰能誰要談談請你請假請先請勿\
     請各請問請大請您請把請教請用請看請給講講謝謝負責貴姓買了貼上貼文車子送給連線週日過了過年過期遠端還不還在還好\
     還是還有還能還要那個郵件都係長得門口開心開機開車離開雲端電影電梯電視頁面順便順利預訂預計預設飛機首頁馬上麻煩";

#[cfg(test)]
mod tests {
    use std::string::String;
    use std::vec::Vec;

    use super::{
        AFTER, FIRST, SIMPLIFIED, SIMPLIFIED_TEXT, Says, TRADITIONAL, TRADITIONAL_TEXT, TRADITIONAL_WORDS,
        TRADITIONAL_WORDS_TEXT, says,
    };

    /// The characters for common use, as the Japanese cabinet published them in 2010, all 2136.
    const JOYO: &str = include_str!("../../tests/locale/joyo.txt");

    #[test]
    fn the_tables_are_sorted_as_their_search_expects() {
        assert!(SIMPLIFIED.is_sorted_by(|a, b| a < b));
        assert!(TRADITIONAL.is_sorted_by(|a, b| a < b));
        let (words, half) = TRADITIONAL_WORDS.as_chunks::<2>();
        assert!(half.is_empty(), "half a word");
        assert!(words.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn what_is_written_here_is_what_is_searched() {
        for (units, text) in [
            (&SIMPLIFIED[..], SIMPLIFIED_TEXT),
            (&TRADITIONAL[..], TRADITIONAL_TEXT),
            (&TRADITIONAL_WORDS[..], TRADITIONAL_WORDS_TEXT),
        ] {
            assert_eq!(String::from_utf16(units).unwrap(), text);
        }
    }

    #[test]
    fn what_a_character_says_is_what_the_tables_have_of_it() {
        let (words, _) = TRADITIONAL_WORDS.as_chunks::<2>();
        for unit in 0..=u16::MAX {
            let expected = if SIMPLIFIED.contains(&unit) {
                Says::Simplified
            } else if TRADITIONAL.contains(&unit) {
                Says::Traditional
            } else if words.iter().any(|[_, second]| *second == unit)
                || cfg!(not(target_pointer_width = "64")) && (FIRST..AFTER).contains(&unit)
            {
                Says::InWord
            } else {
                Says::Nothing
            };
            assert_eq!(says(unit), expected, "{unit:x}");
        }
    }

    #[test]
    fn no_character_speaks_for_both_sides() {
        assert!(SIMPLIFIED_TEXT.chars().all(|ch| !TRADITIONAL_TEXT.contains(ch)));
        assert!(TRADITIONAL_WORDS_TEXT.chars().all(|ch| !SIMPLIFIED_TEXT.contains(ch)));
        // A word of which one character decides would count twice.
        assert!(TRADITIONAL_WORDS_TEXT.chars().all(|ch| !TRADITIONAL_TEXT.contains(ch)));
    }

    #[test]
    fn ordinary_japanese_counts_for_neither_side() {
        assert_eq!(JOYO.trim_end().chars().count(), 2136);
        let both = SIMPLIFIED_TEXT.chars().chain(TRADITIONAL_TEXT.chars());
        assert_eq!(both.filter(|&ch| JOYO.contains(ch)).collect::<Vec<_>>(), []);
    }

    #[test]
    fn the_tables_stay_small_enough_for_a_board() {
        let all = [&SIMPLIFIED[..], &TRADITIONAL[..], &TRADITIONAL_WORDS[..]];
        assert!(all.into_iter().map(size_of_val).sum::<usize>() < 3 * 1024);
    }
}
