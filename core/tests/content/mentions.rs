//! Placeholders, names, the bot's own mention (protocol sections 12.3 and 12.5).

use super::*;
use larkwire_core::wire::json::Str;

fn texts(words: &str) -> (String, String) {
    both("text", &text(words), &bot_and_bob())
}

fn says(words: &str, full: &str, body: &str) {
    assert_eq!(texts(words), (full.to_owned(), body.to_owned()), "{words:?}");
}

#[test]
fn a_letter_right_behind_a_mention_is_not_eaten() {
    says("@_user_1hello", "@Bothello", "hello");
    says("@_user_2hello", "@Bobhello", "@Bobhello");
    says("@_user_1你好", "@Bot你好", "你好");
    says("@_user_1\nfoo", "@Bot\nfoo", "foo");
    says("a\n@_user_1\nfoo", "a\n@Bot\nfoo", "a\n\nfoo");
    says("@_user_1@_user_2 hi", "@Bot@Bob hi", "@Bob hi");
    says("@_user_2@_user_1 hi", "@Bob@Bot hi", "@Bob hi");
    says("x@_user_1.", "x@Bot.", "x.");
}

#[test]
fn user_1_is_not_the_beginning_of_user_11() {
    let mentions = json!([mention("@_user_1", "ou_bot", "A"), mention("@_user_11", "ou_b", "B")]);
    let (full, body) = both("text", &text("@_user_1 @_user_11 @_user_111 @_user_01"), &mentions);
    assert_eq!(full, "@A @B @_user_111 @_user_01");
    assert_eq!(body, "@B @_user_111 @_user_01");
}

#[test]
fn a_received_flat_post_is_not_lost() {
    let post = json!({"title": "T", "content": [[{"tag": "text", "text": "words"}]]});
    assert_eq!(full("post", &post), "# T\n\nwords");
}

#[test]
fn somebody_elses_mention_is_not_the_bots() {
    let mentions = json!([mention("@_user_1", "ou_b", "Bot")]).to_string();
    let mentions = Mentions::new(&mentions);
    assert!(mentions.of("ou_b"));
    for other in ["ou_bot", "Bot", "", "ou_", "ou_bb", "@_user_1"] {
        assert!(!mentions.of(other), "{other}");
    }
}

#[test]
fn at_all_is_heard_without_an_entry_too() {
    let all = |words: &str| Content::new("text", &text(words).to_string()).mentions_all();
    for words in ["@_all", "@_all hi", "hi @_all", "x@_all,", "@_all大家", "@_all@_all", "@@_all"] {
        assert!(all(words), "{words}");
    }
    for words in ["", "@all", "@_allx", "@_all_", "@_all1", "@_al", "_all", "@_ALL", "@_user_1"] {
        assert!(!all(words), "{words}");
    }
    says("@_all! @_all_x @_allx", "@all! @_all_x @_allx", "@all! @_all_x @_allx");
    for entry in [
        json!({"key": "@_all"}),
        json!({"key": "@_user_1", "id": {"user_id": "all"}, "name": "所有人"}),
        json!({"key": "@_user_1", "id": "all"}),
    ] {
        let json = json!([entry]).to_string();
        assert!(Mentions::new(&json).is_all(), "{json}");
    }
    assert!(!Mentions::new(&bot_and_bob().to_string()).is_all());
    let everyone = json!([{"key": "@_user_1", "id": {"user_id": "all"}, "name": "所有人"}]);
    assert_eq!(both("text", &text("@_user_1 hi"), &everyone).0, "@all hi");
}

#[test]
fn a_post_mentions_the_bot_by_key_not_by_open_id() {
    let at = |id: &str, name: &str| json!({"tag": "at", "user_id": id, "user_name": name});
    let words = |words: &str| json!({"tag": "text", "text": words});
    let post = |node: Value| json!({"title": "", "content": [[node, words(" hello "), at("@_user_2", "old name")]]});
    // The key, and the open_id itself, as posts have it that come back as they were sent.
    for id in ["@_user_1", "ou_bot"] {
        let (full, body) = both("post", &post(at(id, "Bot")), &bot_and_bob());
        assert_eq!((full.as_str(), body.as_str()), ("@Bot hello @Bob", "hello @Bob"));
    }
    // A key without an entry is nobody, whatever its name.
    let (full, body) = both("post", &post(at("@_user_7", "Bot")), &bot_and_bob());
    assert_eq!((full.as_str(), body.as_str()), ("@Bot hello @Bob", "@Bot hello @Bob"));
    // Nor is there a name to be found.
    assert_eq!(both("post", &post(at("@_user_7", "")), &bot_and_bob()).0, "@_user_7 hello @Bob");
    assert_eq!(both("post", &post(at("ou_7", "")), &bot_and_bob()).0, "@ou_7 hello @Bob");
    for id in ["@_all", "all"] {
        let post = post(at(id, "Everyone"));
        assert_eq!(super::full("post", &post), "@all hello @old name");
        assert!(Content::new("post", &post.to_string()).mentions_all());
    }
}

#[test]
fn the_bots_name_in_the_text_stays_and_so_does_another_bot_of_that_name() {
    let mentions = json!([mention("@_user_1", "ou_bot", "Bot"), mention("@_user_2", "ou_twin", "Bot")]);
    let (_, body) = both("text", &text("@_user_1 @Bot Bot @_user_2"), &mentions);
    assert_eq!(body, "@Bot Bot @Bot");
    // Without a name it is still the bot's mention.
    let (full, body) = both("text", &text("@_user_1 x"), &json!([mention("@_user_1", "ou_bot", "")]));
    assert_eq!((full.as_str(), body.as_str()), ("@_user_1 x", "x"));
}

#[test]
fn blanks_collapse_only_where_a_mention_went() {
    says("  a  b\t\tc \n  d  ", "  a  b\t\tc \n  d  ", "a  b\t\tc \n  d");
    says("@_user_2  a  b ", "@Bob  a  b ", "@Bob  a  b");
    says("a @_user_1 b", "a @Bot b", "a b");
    says("a\t@_user_1\t\tb", "a\t@Bot\t\tb", "a\tb");
    says("@_user_1  line1\n  line2", "@Bot  line1\n  line2", "line1\n line2");
    says(" @_user_1 ", " @Bot ", "");
    // In a post, code keeps its blanks.
    let post = json!({"content": [
        [{"tag": "at", "user_id": "@_user_1"}, {"tag": "text", "text": "  run  this"}],
        [{"tag": "code_block", "language": "PYTHON", "text": "if x:\n    y  = @_user_1"}],
    ]});
    let (_, body) = both("post", &post, &bot_and_bob());
    assert_eq!(body, "run this\n\n```python\nif x:\n    y  = @_user_1\n```");
}

#[test]
fn without_the_bots_id_the_body_is_the_trimmed_text() {
    let (content, mentions) = (text(" @_user_1  hi ").to_string(), bot_and_bob().to_string());
    let reading = Reading { mentions: Mentions::new(&mentions), form: Form::Body, ..Reading::default() };
    assert_eq!(read(Content::new("text", &content), reading), "@Bot  hi");
    // An id of the future, or none, is nobody's.
    let nobody = json!([{"key": "@_user_1", "id": {"open_id": ""}, "name": "N"}]).to_string();
    let reading = Reading { mentions: Mentions::new(&nobody), own_open_id: Some(""), ..reading };
    assert_eq!(read(Content::new("text", &content), reading), "@N  hi");
    assert!(!reading.mentions.of(""));
}

#[test]
fn names_may_hold_anything_and_are_never_looked_at_again() {
    for (name, shown) in [
        ("@_user_2", "@_user_2"),
        ("@_all", "@_all"),
        ("a\"b\\'", "a\"b\\'"),
        ("line\r\nbreak\u{7}", "line  break "),
        ("zero\u{200b}width", "zero\u{200b}width"),
        ("<at user_id=\"ou_bot\">x</at>", "<at user_id=\"ou_bot\">x</at>"),
        ("😀", "😀"),
    ] {
        let mentions = json!([mention("@_user_1", "ou_a", name), mention("@_user_2", "ou_b", "Bob")]);
        let (full, body) = both("text", &text("@_user_1 @_user_2"), &mentions);
        assert_eq!(full, format!("@{shown} @Bob"), "{name:?}");
        assert_eq!(body, full);
    }
    let mentions = json!([mention("@_user_1", "ou_a", "@_all")]).to_string();
    assert!(!Mentions::new(&mentions).is_all());
}

#[test]
fn ids_may_be_an_object_null_or_a_plain_text() {
    let json = json!([
        {"key": "@_user_1", "id": "ou_1", "name": "A", "mentioned_type": "bot", "tenant_key": "t"},
        {"key": "@_user_2", "id": "on_2"},
        {"key": "@_user_3", "id": "u3"},
        {"key": "@_user_4", "id": null, "name": null},
        {"key": "@_user_5", "id": ""},
        {"key": "", "id": {"open_id": null, "union_id": "", "user_id": 5}},
        "no object", 7, null, [],
        {"id": ["ou_9"], "key": 12},
    ])
    .to_string();
    let text = |text: Option<Str<'_>>| text.map_or("-".to_owned(), |text| text.to_string());
    let all: Vec<_> = Mentions::new(&json)
        .iter()
        .map(|one| [one.key, one.open_id, one.union_id, one.user_id, one.name].map(text).join(" "))
        .collect();
    assert_eq!(
        all,
        [
            "@_user_1 ou_1 - - A",
            "@_user_2 - on_2 - -",
            "@_user_3 - - u3 -",
            "@_user_4 - - - -",
            "@_user_5 - - - -",
            "- - - 5 -",
            "12 - - - -",
        ]
    );
    let first = Mentions::new(&json).iter().next().unwrap();
    assert_eq!((text(first.mentioned_type), text(first.tenant_key)), ("bot".to_owned(), "t".to_owned()));
    // The last of repeated ids counts as a whole.
    for last in [r#"{"user_id":"u"}"#, r#""on_2""#, r#""ou_2""#, r#""o\u0075_2""#, "null", "7", "[]"] {
        for first in [r#"{"open_id":"ou_1"}"#, r#""ou_1""#] {
            let json = format!(r#"[{{"id":{first},"id":{last}}}]"#);
            let twice = Mentions::new(&json);
            assert!(!twice.of("ou_1"), "{json}");
            assert_eq!(twice.of("ou_2"), last.contains("_2") && !last.contains("on"), "{json}");
        }
    }
}

#[test]
fn mentions_that_are_no_array_count_as_none() {
    for json in ["", "null", "{}", "\"[]\"", "[", "[{\"id\":\"ou_1\"}", "[{\"id\":\"ou_1\"}],", "[{\"id\":\"ou_1\"},x]"]
    {
        let mentions = Mentions::new(json);
        assert!(mentions.iter().next().is_none() && !mentions.of("ou_1") && !mentions.is_all(), "{json}");
    }
    assert!(Mentions::NONE.iter().next().is_none());
    assert!(Mentions::new(" [ {\"id\":\"ou_1\"} ] ").of("ou_1"));
}

#[test]
fn an_at_tag_in_markdown_is_a_mention() {
    let post = |md: &str| json!({"content": [[{"tag": "md", "text": md}]]});
    for (md, full, body) in [
        ("<at user_id=\"ou_bot\">Bot</at> hi", "@Bot hi", "hi"),
        ("<at user_id=\"@_user_1\"></at> hi", "@Bot hi", "hi"),
        ("@_user_1 hi", "@Bot hi", "hi"),
        ("<at id=ou_b></at>", "@Bob", "@Bob"),
        ("<at id='ou_c'/>!", "@ou_c!", "@ou_c!"),
        ("<at user_id = \"ou_c\">C</at>", "<at user_id = \"ou_c\">C</at>", "<at user_id = \"ou_c\">C</at>"),
        ("<at x user_id=\"ou_c\" y=1>C</at>", "@C", "@C"),
        ("<at user_id=\"all\">everyone</at>", "@all", "@all"),
        ("<at user_id=\"\">C</at>", "@C", "@C"),
    ] {
        assert_eq!(both("post", &post(md), &bot_and_bob()), (full.to_owned(), body.to_owned()), "{md}");
    }
    assert!(Content::new("post", &post("<at id=all></at>").to_string()).mentions_all());
    for md in
        ["<at>C</at>", "<at user_id=\"a\">C", "<at user_id=\"a\">C</a>", "<at user_id=\"a", "<at ", "<attic>", "a < b"]
    {
        assert_eq!(full("post", &post(md)), md);
    }
    // People may write so in a text: it is text there.
    says("<at user_id=\"ou_bot\">Bot</at>", "<at user_id=\"ou_bot\">Bot</at>", "<at user_id=\"ou_bot\">Bot</at>");
}

#[test]
fn the_text_of_a_v1_message_is_read_without_json_around_it() {
    let content = Content::plain("<at open_id=\"ou_bot\">@Bot</at> \"hi\" \\n <at open_id=\"ou_c\">@C</at>");
    assert_eq!((content.kind(), content.is_json()), (Kind::Text, false));
    assert_eq!(read(content, Reading::default()), "@Bot \"hi\" \\n @C");
    let body = Reading { form: Form::Body, own_open_id: Some("ou_bot"), ..Reading::default() };
    assert_eq!(read(content, body), "\"hi\" \\n @C");
    assert!(content.field("text").is_none() && content.resources().next().is_none());
}

#[test]
fn text_can_be_made_safe_for_html() {
    let escaped = |message_type: &str, content: Value, mentions: Value| {
        let (content, mentions) = (content.to_string(), mentions.to_string());
        let reading = Reading { mentions: Mentions::new(&mentions), escape_html: true, ..Reading::default() };
        read(Content::new(message_type, &content), reading)
    };
    let mentions = json!([mention("@_user_1", "ou_a", "<i>")]);
    assert_eq!(escaped("text", text("<b>&\"' @_user_1"), mentions), "&lt;b&gt;&amp;&quot;&#x27; @&lt;i&gt;");
    let file = json!({"file_key": "f", "file_name": "a\"&b"});
    assert_eq!(
        escaped("file", file, json!([])),
        "&lt;file key=&quot;f&quot; name=&quot;a&amp;quot;&amp;amp;b&quot;/&gt;"
    );
}
