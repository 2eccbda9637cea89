//! What the kinds of messages read like where no vector says so, and the shapes of posts and cards.

use super::*;

fn nodes(nodes: Value) -> String {
    full("post", &json!({"content": [nodes]}))
}

#[test]
fn kinds_without_a_recorded_case_have_a_text_of_the_same_style() {
    for (message_type, content, expected) in [
        ("image", json!({"image_key": "img_1"}), "![image](img_1)"),
        ("file", json!({}), "[file]"),
        ("file", json!({"file_key": "f"}), "<file key=\"f\" name=\"\"/>"),
        ("folder", json!({"file_key": ""}), "[folder]"),
        ("audio", json!({"file_key": "a"}), "<audio key=\"a\" duration=\"0s\"/>"),
        ("audio", json!({"file_key": "a", "duration": "61234"}), "<audio key=\"a\" duration=\"61.234s\"/>"),
        ("audio", json!({"file_key": "a", "duration": 50}), "<audio key=\"a\" duration=\"0.05s\"/>"),
        ("audio", json!({"file_key": "a", "duration": -1}), "<audio key=\"a\" duration=\"0s\"/>"),
        ("audio", json!({}), "[audio]"),
        ("media", json!({}), "[video]"),
        ("sticker", json!({}), "[sticker]"),
        ("hongbao", json!({"text": "luck"}), "<hongbao text=\"luck\"/>"),
        ("hongbao", json!({}), "[hongbao]"),
        ("share_chat", json!({"chat_id": "oc_1"}), "<share_chat id=\"oc_1\"/>"),
        ("share_chat", json!({}), "[share_chat]"),
        ("share_user", json!({"user_id": "ou_1"}), "<share_user id=\"ou_1\"/>"),
        ("share_user", json!({}), "[share_user]"),
        ("vote", json!({"topic": "t", "options": ["a", 2, null, "b"]}), "<vote>\nt\n• a\n• 2\n• b\n</vote>"),
        ("vote", json!({}), "<vote>\n</vote>"),
        ("video_chat", json!({}), "<meeting>\n</meeting>"),
        ("share_calendar_event", json!({"summary": "s", "end_time": 0}), "<calendar_invite>\n📅 s\n</calendar_invite>"),
        (
            "general_calendar",
            json!({"end_time": "951782400000"}),
            "<calendar_invite>\n🕙 ~ 2000-02-29 00:00:00 UTC\n</calendar_invite>",
        ),
        ("todo", json!({}), "<todo>\n</todo>"),
        (
            "todo",
            json!({"summary": {"title": "t", "content": [[{"tag": "text", "text": "a"}], [], [{"tag": "hr"}]]}}),
            "<todo>\nt\na\n---\n</todo>",
        ),
        ("location", json!({}), "<location name=\"\" lng=\"\" lat=\"\"/>"),
        (
            "location",
            json!({"name": "L", "longitude": -3, "latitude": "north"}),
            "<location name=\"L\" lng=\"-3.0\" lat=\"north\"/>",
        ),
        ("merge_forward", json!({"content": "Merged and Forwarded Message"}), "<forwarded_messages/>"),
        ("brand_new_type", json!({"text": ""}), "[unsupported message]"),
        ("brand_new_type", json!({"text": "@_all"}), "@all"),
    ] {
        assert_eq!(full(message_type, &content), expected, "{message_type} {content}");
    }
}

#[test]
fn times_are_dates_in_utc() {
    for (time, date) in [
        (json!(1), "1970-01-01 00:00:01"),
        (json!("1700000000"), "2023-11-14 22:13:20"),
        (json!("1700000000000000"), "2023-11-14 22:13:20"),
        (json!("951868799000"), "2000-02-29 23:59:59"),
        (json!("951868800000"), "2000-03-01 00:00:00"),
        (json!("4107542399000"), "2100-02-28 23:59:59"),
        (json!("4107542400000"), "2100-03-01 00:00:00"),
        (json!("1735689599999"), "2024-12-31 23:59:59"),
        (json!("253402300799000000"), "9999-12-31 23:59:59"),
        (json!(i64::MAX), "294247-01-10 04:00:54"),
    ] {
        assert_eq!(full("todo", &json!({"due_time": time})), format!("<todo>\nDue: {date} UTC\n</todo>"));
    }
    for none in [json!(0), json!(-5), json!("soon"), json!(1.5), json!(null), json!([1]), json!("99999999999999999999")]
    {
        assert_eq!(full("todo", &json!({"due_time": none})), "<todo>\n</todo>");
    }
}

#[test]
fn s44_v16_only_what_can_be_a_file_in_the_folder_at_hand_is_given_as_its_name() {
    let name = |name: &str| resources("file", &json!({"file_key": "f", "file_name": name}))[0]["file_name"].clone();
    let long = "长".repeat(85);
    for good in ["x", "a b.txt", "报告 2026.pdf", ".profile", "a..b", "-rf", "e\u{301}.txt", "🚀", &long] {
        assert_eq!(name(good), good);
    }
    let too_long = format!("{long}x");
    for bad in [
        "../../x",
        "..",
        ".",
        "...",
        " ",
        ". .",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "C:\\x",
        "C:x",
        "x:stream",
        "a\0.txt",
        "a\n.txt",
        "a\u{7f}",
        "a\u{85}",
        "gpj.\u{202e}exe",
        "\u{2066}x",
        "x\u{200f}",
        "\u{61c}x",
        &too_long,
        &"x".repeat(300),
    ] {
        assert_eq!(name(bad), Value::Null, "{bad:?}");
    }
    // The key remains: what cannot be named can be downloaded.
    assert_eq!(resources("file", &json!({"file_key": "f", "file_name": "../x"}))[0]["file_key"], "f");
}

#[test]
fn a_file_name_cannot_forge_a_marker() {
    let file = json!({"file_key": "f", "file_name": "x\"/>\n<file key=\"g"});
    assert_eq!(full("file", &file), "<file key=\"f\" name=\"x&quot;/&gt; &lt;file key=&quot;g\"/>");
    assert_eq!(resources("file", &file)[0]["file_name"], Value::Null, "and it is no name of a file");
}

#[test]
fn a_system_message_is_its_template_filled_in() {
    let system = |template: &str| {
        full(
            "system",
            &json!({"template": template, "from_user": ["A\nB"], "to_chatters": [], "n": 3, "b": true,
            "divider_text": {"text": "New", "i18n_text": {"zh_cn": "新"}}}),
        )
    };
    assert_eq!(system("{from_user} has {n}"), "A B has 3");
    assert_eq!(system("{to_chatters} x {b} y"), "x  y");
    assert_eq!(system("-- {divider_text} --"), "-- New --");
    assert_eq!(system("{a {n} {unclosed"), "{a 3 {unclosed");
    assert_eq!(system("{}{n}}"), "3}");
    assert_eq!(system(&"{n}".repeat(40)), format!("{}{}", "3".repeat(32), "{n}".repeat(8)));
    assert_eq!(full("system", &json!({"from_user": ["A"]})), "[system]");
}

#[test]
fn a_post_is_read_in_whatever_shape_it_comes() {
    let words = |words: &str| json!([[{"tag": "text", "text": words}]]);
    for (post, expected) in [
        (json!({"title": "T", "content": words("a")}), "# T\n\na"),
        (json!({"content_v2": words("new"), "content": words("old")}), "new"),
        (json!({"content_v2": "no array", "content": words("old")}), "old"),
        (json!({"en_us": {"content": words("en")}, "zh_cn": {"title": "中", "content": words("zh")}}), "# 中\n\nzh"),
        (json!({"zh_cn": {}, "ja_jp": {"content": words("ja")}}), "ja"),
        (json!({"zh_cn": {"title": "only"}, "ja_jp": {"content": words("ja")}}), "ja"),
        (json!({"zh_cn": {"title": "only"}}), "# only"),
        (json!({"x": 1, "fr_fr": {"content_v2": words("fr")}}), "fr"),
        (json!({"title": "out", "fr_fr": {"content": words("fr")}}), "# out\n\nfr"),
        (json!({"post": {"zh_cn": {"content": words("deep")}}}), "deep"),
        (json!({"post": {"title": "T", "content": words("deep")}}), "# T\n\ndeep"),
        (json!({"title": "T"}), "# T"),
        (json!({"title": "T", "content": "words"}), "# T\n\nwords"),
        (json!({"text": "words"}), "words"),
        (json!({"content": [{"tag": "text", "text": "a"}, "b", 5, [], ["c", "d", null]]}), "a\n\nb\n\ncd"),
        (json!({"content": []}), ""),
        (json!({}), ""),
    ] {
        assert_eq!(full("post", &post), expected, "{post}");
    }
}

#[test]
fn nodes_of_a_post_become_markdown() {
    for (node, expected) in [
        (json!([{"tag": "text", "text": "a", "style": ["italic", "bold"]}]), "***a***"),
        (
            json!([{"tag": "text", "text": "a", "style": ["lineThrough"]}, {"tag": "text", "text": "b", "style": ["underline"]}]),
            "~~a~~<u>b</u>",
        ),
        (json!([{"tag": "text", "text": " ", "style": ["bold"]}]), " "),
        (
            json!([{"tag": "text", "text": "a", "style": "bold"}, {"tag": "text", "text": "b", "style": ["blink", 1]}]),
            "ab",
        ),
        (
            json!([{"tag": "text", "text": "&lt;b&gt; &amp;amp; &#65;&#x4e2d;&nbsp;&no; & &#0x; &#xD800;", "un_escape": true}]),
            "<b> &amp; A中 &no; & &#0x; &#xD800;",
        ),
        (json!([{"tag": "text", "text": "&lt;"}]), "&lt;"),
        (json!([{"tag": "a", "text": "l"}, {"tag": "a", "href": "u"}, {"tag": "a"}]), "lu"),
        (json!([{"tag": "img"}]), "[image]"),
        (json!([{"tag": "media"}]), "[media]"),
        (json!([{"tag": "emotion"}, {"tag": "emotion", "emoji_type": "OK"}]), ":OK:"),
        (json!([{"tag": "text", "text": "a"}, {"tag": "hr"}, {"tag": "text", "text": "b"}]), "a\n---\nb"),
        (
            json!([{"tag": "text", "text": "a"}, {"tag": "code_block", "text": "x```y"}, {"tag": "text", "text": "b"}]),
            "a\n````\nx```y\n````\nb",
        ),
        (json!([{"tag": "code_block", "language": "a`\n b", "text": "x\n"}]), "```ab\nx\n\n```"),
        (json!([{"tag": "brand_new", "text": "kept"}, {"tag": "newer"}, {"text": "too"}, {}]), "kepttoo"),
        (json!([{"tag": "at"}]), ""),
        (json!([{"tag": "at", "user_name": "Bob"}]), "@Bob"),
        (json!([{"tag": "a_tag_longer_than_any_that_is_known", "text": "kept"}]), "kept"),
    ] {
        assert_eq!(nodes(node.clone()), expected, "{node}");
    }
}

#[test]
fn files_and_images_of_a_post_can_be_downloaded() {
    let post = json!({
        "content": [
            [{"tag": "md", "text": "\"![a](img_m1) ![b](http://x) ![c] (img_no) ![![d](img_m2) ![e](img_m3 ![](img_m-4)"}],
            [{"tag": "img", "image_key": "img_1"}, {"tag": "img"}, {"tag": "text", "image_key": "no"}],
            [{"tag": "media", "file_key": "v", "image_key": "cover", "duration": "2000", "file_name": "v.mp4"}],
        ],
        "files": [{"file_key": "f", "file_name": "f.txt"}, {"file_key": "d", "file_name": "dir", "is_folder": true},
            {"file_name": "no key"}, 7, {"file_key": "g"}],
    });
    let other = |kind: &str, key: &str, name: Value| json!({"type": kind, "file_key": key, "file_name": name, "duration_ms": null, "cover_image_key": null});
    assert_eq!(
        resources("post", &post),
        [
            image("img_1"),
            json!({"type": "video", "file_key": "v", "file_name": "v.mp4", "duration_ms": 2000, "cover_image_key": "cover"}),
            image("img_m1"),
            image("img_m2"),
            image("img_m-4"),
            other("file", "f", json!("f.txt")),
            other("file", "g", json!(null)),
        ]
    );
    let text = full("post", &post);
    let files = "\n\n<file key=\"f\" name=\"f.txt\"/>\n\n<folder key=\"d\" name=\"dir\"/>\n\n[file]\n\n[file]\n\n<file";
    assert!(text.contains("\n\n<file key=\"f\" name=\"f.txt\"/>\n\n<folder key=\"d\" name=\"dir\"/>\n\n"), "{text}");
    assert!(!text.contains(files) && text.ends_with("<file key=\"g\" name=\"\"/>"), "{text}");
    assert_eq!(resources("folder", &json!({"file_key": "k"})), [json!(null); 0]);
    assert_eq!(
        resources("interactive", &json!({"elements": [[{"tag": "img", "image_key": "img_1"}]]})),
        [json!(null); 0]
    );
}

#[test]
fn a_card_is_read_as_it_is_received_and_as_it_was_sent() {
    for (card, expected) in [
        (
            json!({"title": "T", "elements": [
                [{"tag": "text", "text": "see "}, {"tag": "a", "text": "l", "href": "u"}, {"tag": "at", "user_id": "ou_1", "user_name": "Bob"}],
                [{"tag": "img", "image_key": "img_1"}], [{"tag": "hr"}], [],
                [{"tag": "note", "elements": [{"tag": "text", "text": "n1"}, {"tag": "text", "text": "n2"}]}],
            ]}),
            "T\nsee [l](u)@Bob\n![image](img_1)\n---\nn1\nn2",
        ),
        (
            json!({"schema": "2.0", "body": {"elements": [
                {"tag": "column_set", "columns": [{"tag": "column", "elements": [{"tag": "markdown", "content": "c1 <at id=all></at>"}]},
                    {"tag": "column", "elements": [{"tag": "div", "fields": [{"text": {"tag": "lark_md", "content": "f"}}]}]}]},
                {"tag": "img", "img_key": "img_2", "alt": {"tag": "plain_text", "content": "hidden"}},
                {"tag": "button", "text": {"tag": "plain_text", "content": "OK"}, "value": {"text": "hidden"}, "url": "hidden"},
            ]}, "header": {"title": {"content": "H"}}}),
            "H\nc1 @all\nf\n![image](img_2)\nOK",
        ),
        (json!({"header": {"title": "H"}, "title": "other"}), "H"),
        (json!({"elements": ["a", 5, null, true]}), "a\n5"),
        (json!({"title": null, "elements": {}}), "[interactive]"),
        (json!({}), "[interactive]"),
    ] {
        assert_eq!(full("interactive", &card), expected, "{card}");
    }
}

#[test]
fn a_card_that_only_calls_the_bot_has_an_empty_body() {
    let card = json!({"elements": [[{"tag": "at", "user_id": "@_user_1"}]]});
    assert_eq!(both("interactive", &card, &bot_and_bob()), ("@Bot".to_owned(), String::new()));
}

#[test]
fn any_field_can_be_asked_for() {
    let content = Content::new("location", r#"{"latitude":"1","name":null,"latitude":"2.5","\u0061":{"b":[1]}}"#);
    assert!(content.field("latitude").unwrap().as_str().unwrap() == "2.5");
    assert!(content.field("name").unwrap().is_null());
    assert!(matches!(content.field("a"), Some(larkwire_core::wire::json::Value::Object("{\"b\":[1]}"))));
    assert!(content.field("b").is_none());
}
