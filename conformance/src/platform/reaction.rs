//! Reactions: `POST`, `GET` and `DELETE /im/v1/messages/:id/reactions`.

use serde_json::{Value, json};

use super::chat::Message;
use super::kind::Kind;
use super::push::Push;
use super::rest::{ApiError, Call, data};
use super::state::{Shared, State};

/// A reaction of the bot or of a person.
#[derive(Clone, Debug)]
pub(super) struct Reaction {
    id: String,
    emoji_type: String,
    action_time: String,
    operator_id: String,
    /// `app` or `user`.
    operator_type: &'static str,
}

impl Reaction {
    /// What an event says of a person's reaction.
    pub(super) fn of_person(event: &Value, id: String) -> Option<Self> {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        (text("/operator_type")? == "user").then_some(())?;
        Some(Self {
            id,
            emoji_type: text("/reaction_type/emoji_type")?,
            action_time: text("/action_time").unwrap_or_default(),
            operator_id: text("/user_id/open_id").unwrap_or_default(),
            operator_type: "user",
        })
    }

    /// The same emoji by the same operator.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        (&self.emoji_type, &self.operator_id) == (&other.emoji_type, &other.operator_id)
    }

    pub(super) fn has_id(&self, id: &str) -> bool {
        self.id == id
    }

    fn to_json(&self) -> Value {
        json!({
            "reaction_id": self.id,
            "operator": { "operator_id": self.operator_id, "operator_type": self.operator_type },
            "action_time": self.action_time,
            "reaction_type": { "emoji_type": self.emoji_type },
        })
    }

    /// The event that tells the bot of its own reaction.
    fn echo(&self, what: &str, message_id: &str) -> Push {
        let event = json!({
            "message_id": message_id,
            "reaction_type": { "emoji_type": self.emoji_type },
            "operator_type": "app",
            "app_id": self.operator_id,
            "action_time": self.action_time,
        });
        Push::event(format!("im.message.reaction.{what}_v1"), event).app(&self.operator_id)
    }
}

impl Shared {
    pub(super) fn react(&self, state: &mut State, call: &Call<'_>) -> Result<Value, ApiError> {
        let emoji_type = call.body.pointer("/reaction_type/emoji_type").and_then(Value::as_str).unwrap_or_default();
        if !EMOJI_TYPES.split_ascii_whitespace().any(|known| known == emoji_type) {
            return Err(ApiError::new(231_001, "reaction type is invalid"));
        }
        let reaction = Reaction {
            id: state.random_id(""),
            emoji_type: emoji_type.to_owned(),
            action_time: state.wall_ms(),
            operator_id: call.app_id.clone(),
            operator_type: "app",
        };
        message(state, call)?.reactions.push(reaction.clone());
        if state.options.echo_reactions {
            state.echoes.push(reaction.echo("created", call.id(0)));
        }
        let reacted = Kind::Reacted {
            message_id: call.id(0).to_owned(),
            reaction_id: reaction.id.clone(),
            emoji_type: emoji_type.to_owned(),
        };
        self.log.add(Some(&call.app_id), reacted);
        Ok(data(reaction.to_json()))
    }

    pub(super) fn unreact(&self, state: &mut State, call: &Call<'_>) -> Result<Value, ApiError> {
        let reactions = &mut message(state, call)?.reactions;
        let Some(index) = reactions.iter().position(|reaction| reaction.id == call.id(1)) else {
            return Err(if state.caller(call)?.chat.has_reaction(call.id(1)) {
                ApiError::new(231_010, "the reaction does not belong to the message")
            } else {
                ApiError::new(231_011, "reaction_id is invalid")
            });
        };
        if reactions[index].operator_type != "app" {
            return Err(ApiError::new(231_007, "the operator is not the author of the reaction"));
        }
        let reaction = reactions.remove(index);
        if state.options.echo_reactions {
            state.echoes.push(reaction.echo("deleted", call.id(0)));
        }
        let unreacted = Kind::Unreacted { message_id: call.id(0).to_owned(), reaction_id: reaction.id.clone() };
        self.log.add(Some(&call.app_id), unreacted);
        Ok(data(reaction.to_json()))
    }
}

/// A page of reactions; the page token is the index of the next one.
pub(super) fn list_reactions(state: &mut State, call: &Call<'_>) -> Result<Value, ApiError> {
    let page_size = call.parameter("page_size").and_then(|size| size.parse().ok()).unwrap_or(20).clamp(1, 50);
    let start = match call.parameter("page_token").filter(|token| !token.is_empty()) {
        Some(token) => token.parse().map_err(|_| ApiError::new(231_012, "page_token is invalid"))?,
        None => 0,
    };
    let wanted = call.parameter("reaction_type").filter(|emoji_type| !emoji_type.is_empty());
    let reactions = &message(state, call)?.reactions;
    let fitting =
        reactions.iter().filter(|reaction| wanted.as_ref().is_none_or(|wanted| *wanted == reaction.emoji_type));
    let mut rest = fitting.skip(start);
    let items: Vec<_> = rest.by_ref().take(page_size).map(|reaction| reaction.to_json()).collect();
    let has_more = rest.next().is_some();
    let page_token = if has_more { (start + page_size).to_string() } else { String::new() };
    Ok(data(json!({ "items": items, "has_more": has_more, "page_token": page_token })))
}

fn message<'a>(state: &'a mut State, call: &Call<'_>) -> Result<&'a mut Message, ApiError> {
    let message = state.caller(call)?.chat.message(call.id(0)).filter(|message| !message.recalled);
    message.ok_or_else(|| ApiError::new(231_003, "the message is not found or was deleted"))
}

/// The official list of emoji types, case-sensitive.
const EMOJI_TYPES: &str = "\
    OK THUMBSUP THANKS MUSCLE FINGERHEART APPLAUSE FISTBUMP JIAYI DONE SMILE BLUSH LAUGH SMIRK LOL FACEPALM LOVE \
    WINK PROUD WITTY SMART SCOWL THINKING SOB CRY ERROR NOSEPICK HAUGHTY SLAP SPITBLOOD TOASTED GLANCE DULL \
    INNOCENTSMILE JOYFUL WOW TRICK YEAH ENOUGH TEARS EMBARRASSED KISS SMOOCH DROOL OBSESSED MONEY TEASE SHOWOFF \
    COMFORT CLAP PRAISE STRIVE XBLUSH SILENT WAVE WHAT FROWN SHY DIZZY LOOKDOWN CHUCKLE WAIL CRAZY WHIMPER HUG \
    BLUBBER WRONGED HUSKY SHHH SMUG ANGRY HAMMER SHOCKED TERROR PETRIFIED SKULL SWEAT SPEECHLESS SLEEP DROWSY YAWN \
    SICK PUKE BETRAYED HEADSET EatingFood MeMeMe Sigh Typing Lemon Get LGTM OnIt OneSecond VRHeadset YouAreTheBest \
    SALUTE SHAKE HIGHFIVE UPPERLEFT ThumbsDown SLIGHT TONGUE EYESCLOSED RoarForYou CALF BEAR BULL RAINBOWPUKE ROSE \
    HEART PARTY LIPS BEER CAKE GIFT CUCUMBER Drumstick Pepper CANDIEDHAWS BubbleTea Coffee Yes No OKR CheckMark \
    CrossMark MinusOne Hundred AWESOMEN Pin Alarm Loudspeaker Trophy Fire BOMB Music XmasTree Snowman XmasHat \
    FIREWORKS 2022 REDPACKET FORTUNE LUCK FIRECRACKER StickyRiceBalls HEARTBROKEN POOP StatusFlashOfInspiration 18X \
    CLEAVER Soccer Basketball GeneralDoNotDisturb Status_PrivateMessage GeneralInMeetingBusy StatusReading \
    StatusInFlight GeneralBusinessTrip GeneralWorkFromHome StatusEnjoyLife GeneralTravellingCar StatusBus GeneralSun \
    GeneralMoonRest MoonRabbit Mooncake JubilantRabbit TV Movie Pumpkin BeamingFace Delighted ColdSweat FullMoonFace \
    Partying GoGoGo ThanksFace SaluteFace Shrug ClownFace HappyDragon";
