//! Protocol section 11.2, row by row.

use larkwire_core::Typed;
use larkwire_core::wire::json::Value as Json;
use serde_json::{Value, json};

use super::types::all;
use super::{Platform, asked, tell, told, v2, who, with_event};

/// The name of the view, and nothing it would tell.
fn silent(told: &str) -> bool {
    !told.contains(' ')
}

fn each_member(value: &mut Value, change: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(|element| each_member(element, change)),
        Value::Object(members) => members.values_mut().for_each(|member| each_member(member, change)),
        leaf => change(leaf),
    }
}

fn each_object(value: &mut Value, change: &mut impl FnMut(&mut serde_json::Map<String, Value>)) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(|element| each_object(element, change)),
        Value::Object(members) => {
            members.values_mut().for_each(|member| each_object(member, change));
            change(members);
        }
        _ => {}
    }
}

#[test]
fn an_event_without_any_field_is_an_event_that_tells_nothing() {
    for (event_type, event, expected, _) in all() {
        let name = expected.split(' ').next().unwrap();
        let nulls = event.as_object().unwrap().keys().map(|key| (key.clone(), Value::Null)).collect();
        for empty in [json!({}), json!(null), json!([]), json!("x"), json!(7), nulls] {
            assert_eq!(told(&v2(event_type, empty.clone())), name, "{event_type} {empty}");
        }
        let payload = json!({"schema": "2.0", "header": {"event_type": event_type}});
        assert_eq!(told(&payload), name, "{event_type}");
    }
}

#[test]
fn absent_null_and_empty_are_the_same() {
    for (event_type, event, ..) in all() {
        for nothing in [json!(null), json!("")] {
            let mut event = event.clone();
            if let Some(action) = event.get_mut("action") {
                // The text of the card's maker and the user's form are handed over as they are.
                action.as_object_mut().unwrap().retain(|key, _| key != "value" && key != "form_value");
            }
            if let Some(message) = event.get_mut("message") {
                message.as_object_mut().unwrap().remove("mentions");
            }
            each_member(&mut event, &mut |leaf| *leaf = nothing.clone());
            let told = told(&v2(event_type, event));
            assert!(silent(&told), "{event_type} with {nothing}: {told}");
        }
    }
}

#[test]
fn values_of_another_type_count_as_absent() {
    for (event_type, event, ..) in all() {
        for wrong in [json!([]), json!({}), json!(true)] {
            let mut event = event.clone();
            if let Some(action) = event.get_mut("action") {
                action.as_object_mut().unwrap().retain(|key, _| key != "value" && key != "form_value");
            }
            if let Some(message) = event.get_mut("message") {
                message.as_object_mut().unwrap().remove("mentions");
            }
            each_member(&mut event, &mut |leaf| {
                if !leaf.is_boolean() {
                    *leaf = wrong.clone();
                }
            });
            let told = told(&v2(event_type, event));
            let without_flags =
                ["external=", "checked=", "is_mentioned=", "status=", "restricted_mode", "after_change"];
            let rest = told.split(' ').skip(1).find(|word| {
                !word.is_empty() && *word != "]" && !without_flags.iter().any(|flag| word.starts_with(flag))
            });
            assert_eq!(rest, None, "{event_type} with {wrong}: {told}");
        }
    }
}

#[test]
fn members_of_the_future_and_another_order_change_nothing() {
    for (event_type, event, expected, who_acted) in all() {
        let mut future = event.clone();
        each_object(&mut future, &mut |members| {
            members.insert("A_future".into(), json!({"open_id": "ou_x", "message_id": "om_x", "chat_id": ["oc_x"]}));
            members.insert("zz_future".into(), json!("chat_id"));
        });
        // What is handed over as JSON text is not compared.
        let free = |text: &str| {
            let verbatim =
                |word: &&str| ["value=", "form_value=", "mentions="].iter().any(|name| word.starts_with(name));
            text.split(' ').filter(|word| !verbatim(word)).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(free(&told(&v2(event_type, future.clone()))), free(&expected), "{event_type}");
        assert_eq!(asked(&v2(event_type, future)), who_acted, "{event_type}");
        let reversed = reversed(&v2(event_type, event));
        let seen = Platform::new().event(&reversed, |event| (tell(&event), who(&event))).unwrap();
        let (told, asked) = seen;
        assert_eq!((free(&told), asked.as_str()), (free(&expected), who_acted), "{event_type}");
    }
}

/// The document with the members of each object in the opposite order, each twice, the first time empty.
fn reversed(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| {
                let key = Value::from(key.as_str());
                format!("{key}:null,{key}:{}", reversed(value))
            };
            let members: Vec<_> = members.iter().rev().map(member).collect();
            format!("{{{}}}", members.join(" ,\n"))
        }
        Value::Array(elements) => format!("[{}]", elements.iter().map(reversed).collect::<Vec<_>>().join(",")),
        leaf => leaf.to_string(),
    }
}

#[test]
fn ids_are_unknown_one_by_one() {
    let ids = |ids: Value| {
        let reaction = json!({"user_id": ids, "operator_type": "user"});
        asked(&v2("im.message.reaction.created_v1", reaction))
    };
    assert_eq!(ids(json!({"open_id": "ou_1", "union_id": null, "user_id": ""})), "user ids=ou_1");
    assert_eq!(ids(json!({"open_id": "", "union_id": "on_1"})), "user ids=on_1");
    assert_eq!(ids(json!({"user_id": 4711})), "user ids=4711");
    assert_eq!(ids(json!({})), "user");
    assert_eq!(ids(json!(null)), "user");
    assert_eq!(ids(json!("ou_1")), "user");
}

#[test]
fn the_unit_of_a_time_is_told_by_its_size() {
    let recall = |time: Value| told(&v2("im.message.recalled_v1", json!({"recall_time": time})));
    for same in [
        json!(1_700_000_000),
        json!("1700000000"),
        json!(1_700_000_000_000_u64),
        json!("1700000000000"),
        json!("1700000000000000"),
        json!(1_700_000_000_000_000_u64),
    ] {
        assert_eq!(recall(same.clone()), "MessageRecalled recall_time=1700000000000", "{same}");
    }
    for unknown in [json!(0), json!("0"), json!(""), json!("soon"), json!(-5), json!(1.5), json!([1]), json!(null)] {
        assert_eq!(recall(unknown.clone()), "MessageRecalled", "{unknown}");
    }
}

#[test]
fn a_click_on_a_card_did_not_happen_fifty_thousand_years_from_now() {
    let mut click = v2("card.action.trigger", json!({}));
    click["header"]["create_time"] = json!("1700000000123456");
    with_event(&click, |event| assert_eq!(event.create_time().unwrap().0, 1_700_000_000_123));
}

#[test]
fn truth_values_may_be_strings() {
    let external = |value: Value| told(&v2("im.chat.disbanded_v1", json!({"external": value})));
    assert_eq!(external(json!(true)), "ChatDisbanded external=true");
    assert_eq!(external(json!("true")), "ChatDisbanded external=true");
    assert_eq!(external(json!("false")), "ChatDisbanded external=false");
    for absent in [json!(1), json!("yes"), json!("TRUE"), json!(null), json!({})] {
        assert_eq!(external(absent.clone()), "ChatDisbanded", "{absent}");
    }
}

#[test]
fn lists_pass_over_what_is_no_element() {
    let read = json!({"message_id_list": ["om_1", null, "", {}, ["om_x"], 7, "om_2"]});
    let expected = "MessageRead message_id_list=om_1 message_id_list=7 message_id_list=om_2";
    assert_eq!(told(&v2("im.message.message_read_v1", read)), expected);
    let users = json!({"users": [null, "x", {"name": "Ann"}, []]});
    assert_eq!(told(&v2("im.chat.member.user.added_v1", users)), "UserAdded users[ name=Ann ]");
    for none in [json!({"users": null}), json!({"users": {}}), json!({"users": []}), json!({"users": "x"})] {
        assert_eq!(told(&v2("im.chat.member.user.added_v1", none)), "UserAdded");
    }
}

#[test]
fn unknown_words_are_kept_as_words() {
    let reaction = json!({"operator_type": "robot", "user_id": {"open_id": "ou_1"}});
    assert_eq!(asked(&v2("im.message.reaction.created_v1", reaction)), "unknown robot ids=ou_1");
    let app = json!({"operator_type": "app", "app_id": "cli_2", "user_id": null});
    assert_eq!(asked(&v2("im.message.reaction.deleted_v1", app)), "app app_id=cli_2");
    let nobody = json!({"message": {"message_id": "om_1"}, "sender": null});
    assert_eq!(asked(&v2("im.message.receive_v1", nobody)), "unknown message=om_1");
    let bot = json!({"sender": {"sender_type": "app", "sender_id": {"open_id": "ou_1"}}});
    assert_eq!(asked(&v2("im.message.receive_v1", bot)), "app ids=ou_1");
}

#[test]
fn what_is_not_known_to_be_private_is_a_group() {
    let p2p = |message: Value| {
        with_event(&v2("im.message.receive_v1", json!({"message": message})), |event| event.message().unwrap().is_p2p())
    };
    assert!(p2p(json!({"chat_type": "p2p"})));
    assert!(p2p(json!({"chat_type": "private"})));
    for group in [json!("group"), json!("topic_group"), json!("P2P"), json!("later"), json!(""), json!(null), json!({})]
    {
        assert!(!p2p(json!({"chat_type": group.clone()})), "{group}");
    }
    assert!(!p2p(json!({})));
}

#[test]
fn a_reply_is_in_no_topic_because_it_has_a_root() {
    let reply = json!({"message": {"root_id": "om_0", "parent_id": "om_1"}});
    assert_eq!(told(&v2("im.message.receive_v1", reply)), "Message root_id=om_0 parent_id=om_1");
    let in_topic = json!({"message": {"root_id": "om_0", "thread_id": "omt_1"}});
    assert_eq!(told(&v2("im.message.receive_v1", in_topic)), "Message root_id=om_0 thread_id=omt_1");
}

#[test]
fn a_cards_value_may_be_an_object_or_a_string() {
    let value = |value: Value| {
        with_event(&v2("card.action.trigger", json!({"action": {"value": value}})), |event| {
            let Typed::CardAction(action) = event.typed() else { panic!() };
            match action.value() {
                Some(Json::Object(text)) => format!("object {text}"),
                Some(Json::String(text)) => format!("string {text}"),
                value => format!("{value:?}"),
            }
        })
    };
    assert_eq!(value(json!({"k": [1]})), r#"object {"k":[1]}"#);
    assert_eq!(value(json!("{\"k\":1}")), r#"string {"k":1}"#);
    assert_eq!(value(json!(null)), "None");
}
