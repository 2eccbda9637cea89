//! A reaction to each message, in its language: protocol section 14.

use hyper::Method;
use serde_json::json;

use super::Client;
use super::calls::{Zeal, tries};
use super::defects::Defect;
use super::envelope::Message;
use super::http::Question;
use super::text::written;

const SIMPLIFIED: [&str; 7] = ["OK", "JIAYI", "APPLAUSE", "THUMBSUP", "MUSCLE", "SMILE", "DONE"];
const TRADITIONAL: [&str; 7] = ["OK", "JIAYI", "APPLAUSE", "THUMBSUP", "FINGERHEART", "SMILE", "DONE"];
const OTHERS: [&str; 8] = ["OK", "THUMBSUP", "THANKS", "MUSCLE", "FINGERHEART", "APPLAUSE", "SMILE", "DONE"];
/// Common characters that only one of the two scripts has.
const ONLY_SIMPLIFIED: &str = "们这国来时说对学会么么过还没样经现实发问间开关见观业东车马鸟鱼门书长张头买卖红级纸线组终结给绝统继续边运进远连选递钱银错铁飞饭饮馆验难电图团园围圆场块坏声处备复夹奋妇妈孙宁宝审宽层岁师带帮应张归当录忆怀态总恋户护报担拥择换据损摇数断无旧显权条极构标树样梦检楼欢气汉汤沟济温湾满灭灵灾炉点烦热爱爷牵犹独环现画疗监盖盘着确码础离种积称穷竞笔签简类粮";
const ONLY_TRADITIONAL: &str = "們這國來時說對學會麼過還沒樣經現實發問間開關見觀業東車馬鳥魚門書長張頭買賣紅級紙線組終結給絕統繼續邊運進遠連選遞錢銀錯鐵飛飯飲館驗難電圖團園圍圓場塊壞聲處備復夾奮婦媽孫寧寶審寬層歲師帶幫應歸當錄憶懷態總戀戶護報擔擁擇換據損搖數斷無舊顯權條極構標樹夢檢樓歡氣漢湯溝濟溫灣滿滅靈災爐點煩熱愛爺牽猶獨環畫療監蓋盤確碼礎離種積稱窮競筆簽簡類糧鬥";

/// Reacts, if the bot is to.
pub(super) fn react(client: &Client, message: &Message) {
    let Some(table) = client.start.settings.ack_reactions.as_deref().and_then(|setting| table(setting, message)) else {
        return;
    };
    let times = if client.has(Defect::ReactsTwice) { 2 } else { 1 };
    for _ in 0..times {
        let Some(shared) = client.shared() else { return };
        let message_id = message.id.clone();
        client.spawn(async move {
            let known: Vec<_> = table.iter().filter(|name| !shared.is_refused(name)).collect();
            let Some(name) = known.get(shared.pick(known.len())) else { return };
            let emoji_type = if shared.has(Defect::TranslatesEmoji) { "加油" } else { **name };
            let question = Question {
                method: Method::POST,
                target: format!("/open-apis/im/v1/messages/{message_id}/reactions"),
                headers: Vec::new(),
                body: Some(json!({ "reaction_type": { "emoji_type": emoji_type } })),
            };
            if let Err((Some(231_001), _)) = tries(&shared, question, Zeal::Background).await {
                shared.refuse(name);
            }
        });
    }
}

fn table(setting: &str, message: &Message) -> Option<&'static [&'static str]> {
    let language = match setting {
        "off" => return None,
        "auto" => detect(message),
        fixed => tag(fixed).unwrap_or("en"),
    };
    Some(match language {
        "zh-CN" => &SIMPLIFIED,
        "zh-TW" => &TRADITIONAL,
        _ => &OTHERS,
    })
}

/// The first tag that maps, else the text.
fn detect(message: &Message) -> &'static str {
    if let Some(language) = message.tags.iter().find_map(|one| tag(one)) {
        return language;
    }
    let text = written(message.raw_text.as_deref().unwrap_or_default());
    let kana = |c: char| matches!(c, '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{31f0}'..='\u{31ff}' | '\u{ff66}'..='\u{ff9d}');
    if text.contains(kana) {
        return "ja";
    }
    let of = |table: &str| text.chars().filter(|c| table.contains(*c)).count();
    let chinese = |c: char| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}');
    match text.contains(chinese) {
        true if of(ONLY_TRADITIONAL) > of(ONLY_SIMPLIFIED) => "zh-TW",
        true => "zh-CN",
        false => "en",
    }
}

fn tag(tag: &str) -> Option<&'static str> {
    let tag = tag.to_ascii_lowercase().replace('_', "-");
    match tag.as_str() {
        _ if tag.starts_with("ja") => Some("ja"),
        _ if tag.starts_with("en") => Some("en"),
        _ if !tag.starts_with("zh") => None,
        _ if tag.contains("hant") || ["zh-tw", "zh-hk", "zh-mo"].iter().any(|start| tag.starts_with(start)) => {
            Some("zh-TW")
        }
        _ => Some("zh-CN"),
    }
}
