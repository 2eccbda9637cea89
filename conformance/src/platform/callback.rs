//! Is the answer to a callback one that the platform can use?

use serde_json::{Map, Value};

use super::kind::AckFault;

/// Deviations from `{}`, from `{toast?, card?}` for `card.action.trigger`, and from `{inline, card?}` for
/// `url.preview.get`.
pub(super) fn check(event_type: &str, data: &Value) -> Vec<AckFault> {
    let mut faults = Faults(Vec::new());
    let Some(answer) = data.as_object() else {
        faults.add("data", "a JSON object", data);
        return faults.0;
    };
    match event_type {
        "card.action.trigger" => {
            faults.members("data", answer, &["card", "toast"]);
            faults.object("data.toast", answer.get("toast"), Faults::toast);
        }
        "url.preview.get" => {
            faults.members("data", answer, &["card", "inline"]);
            faults.object("data.inline", answer.get("inline"), Faults::inline);
        }
        _ => {}
    }
    faults.object("data.card", answer.get("card"), Faults::card);
    faults.0
}

struct Faults(Vec<AckFault>);

impl Faults {
    fn add(&mut self, field: &str, expected: &str, found: &Value) {
        self.0.push(AckFault { field: field.to_owned(), expected: expected.to_owned(), found: found.to_string() });
    }

    /// There may be these members and no others.
    fn members(&mut self, field: &str, object: &Map<String, Value>, known: &[&str]) {
        for name in object.keys().filter(|name| !known.contains(&name.as_str())) {
            self.add(field, &format!("no members but {}", known.join(", ")), &Value::from(name.as_str()));
        }
    }

    /// An object, if it is there at all.
    fn object(&mut self, field: &str, value: Option<&Value>, check: impl Fn(&mut Self, &Map<String, Value>)) {
        match value {
            None | Some(Value::Null) => {}
            Some(Value::Object(object)) => check(self, object),
            Some(other) => self.add(field, "an object", other),
        }
    }

    fn one_of(&mut self, field: &str, value: Option<&Value>, known: &[&str]) {
        let found = value.unwrap_or(&Value::Null);
        if !found.as_str().is_some_and(|text| known.contains(&text)) {
            self.add(field, &format!("one of {}", known.join(", ")), found);
        }
    }

    fn toast(&mut self, toast: &Map<String, Value>) {
        self.members("data.toast", toast, &["content", "i18n", "type"]);
        self.one_of("data.toast.type", toast.get("type"), &["error", "info", "success", "warning"]);
        self.text_or_i18n("data.toast.content", toast.get("content"), toast.get("i18n"));
    }

    fn card(&mut self, card: &Map<String, Value>) {
        self.members("data.card", card, &["data", "type"]);
        self.one_of("data.card.type", card.get("type"), &["raw", "template"]);
        let data = card.get("data").unwrap_or(&Value::Null);
        if !data.is_object() {
            self.add("data.card.data", "an object", data);
        }
    }

    fn inline(&mut self, inline: &Map<String, Value>) {
        self.members("data.inline", inline, &["i18n_title", "image_key", "title", "url"]);
        self.text_or_i18n("data.inline.title", inline.get("title"), inline.get("i18n_title"));
        self.object("data.inline.url", inline.get("url"), |faults, url| {
            faults.members("data.inline.url", url, &["android", "copy_url", "ios", "pc", "web"]);
        });
    }

    /// A text, or the same in several languages instead.
    fn text_or_i18n(&mut self, field: &str, text: Option<&Value>, i18n: Option<&Value>) {
        match (text, i18n) {
            (Some(Value::String(_)), None | Some(Value::Null | Value::Object(_))) => {}
            (None | Some(Value::Null), Some(Value::Object(_))) => {}
            (text, _) => self.add(field, "a string, or an object per language", text.unwrap_or(&Value::Null)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(event_type: &str, data: &Value) -> Vec<String> {
        check(event_type, data).into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn answers_of_the_right_shape_have_no_faults() {
        let toast = json!({ "type": "success", "content": "done", "i18n": { "zh_cn": "好" } });
        let card = json!({ "type": "raw", "data": { "schema": "2.0" } });
        for data in [json!({}), json!({ "toast": toast }), json!({ "toast": toast, "card": card })] {
            assert_eq!(fields("card.action.trigger", &data), [""; 0], "{data}");
        }
        let inline = json!({ "title": "a page", "url": { "pc": "https://example.org" } });
        for data in [json!({}), json!({ "inline": inline }), json!({ "inline": inline, "card": card })] {
            assert_eq!(fields("url.preview.get", &data), [""; 0], "{data}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_answer_is_named() {
        let click = |data: Value| fields("card.action.trigger", &data);
        assert_eq!(click(json!([])), ["data"]);
        assert_eq!(click(json!({ "inline": {} })), ["data"]);
        assert_eq!(click(json!({ "toast": "done" })), ["data.toast"]);
        assert_eq!(
            click(json!({ "toast": { "type": "fatal", "content": 1 } })),
            ["data.toast.type", "data.toast.content"]
        );
        assert_eq!(click(json!({ "card": { "type": "raw", "data": "{}" } })), ["data.card.data"]);
        let preview = |data: Value| fields("url.preview.get", &data);
        assert_eq!(preview(json!({ "toast": {} })), ["data"]);
        assert_eq!(preview(json!({ "inline": { "url": { "tv": "" } } })), ["data.inline.title", "data.inline.url"]);
    }
}
