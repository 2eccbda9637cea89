//! Events that borrow from the payload what has no escapes in it.

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState};

use serde::Deserialize;

/// Text that borrows where it can.
pub type Text<'a> = Cow<'a, str>;

#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Envelope<'a> {
    #[serde(borrow)]
    pub header: Header<'a>,
    #[serde(borrow)]
    pub event: Received<'a>,
}

#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Header<'a> {
    #[serde(borrow)]
    pub event_id: Text<'a>,
    #[serde(borrow)]
    pub event_type: Text<'a>,
    #[serde(borrow)]
    pub app_id: Text<'a>,
}

#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Received<'a> {
    #[serde(borrow)]
    pub sender: Sender<'a>,
    #[serde(borrow)]
    pub message: Message<'a>,
}

#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Sender<'a> {
    #[serde(borrow)]
    pub sender_id: Ids<'a>,
}

#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Ids<'a> {
    #[serde(borrow)]
    pub open_id: Text<'a>,
}

#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Message<'a> {
    #[serde(borrow)]
    pub message_id: Text<'a>,
    #[serde(borrow)]
    pub chat_id: Text<'a>,
    #[serde(borrow)]
    pub chat_type: Text<'a>,
    #[serde(borrow)]
    pub message_type: Text<'a>,
    #[serde(borrow)]
    pub content: Text<'a>,
    #[serde(borrow, default)]
    pub mentions: Vec<Mention<'a>>,
}

#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Mention<'a> {
    #[serde(borrow)]
    pub key: Text<'a>,
    #[serde(borrow)]
    pub id: Ids<'a>,
    #[serde(borrow)]
    pub name: Text<'a>,
}

#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct TextContent<'a> {
    #[serde(borrow)]
    pub text: Text<'a>,
}

#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct PostContent<'a> {
    #[serde(borrow, default)]
    pub title: Text<'a>,
    #[serde(borrow)]
    pub content: Vec<Vec<Node<'a>>>,
}

#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Node<'a> {
    #[serde(borrow)]
    pub tag: Text<'a>,
    #[serde(borrow, default)]
    pub text: Text<'a>,
    #[serde(borrow, default)]
    pub user_id: Text<'a>,
    #[serde(borrow, default)]
    pub user_name: Text<'a>,
}

/// The newest ids by their hashes.
#[derive(Default)]
pub struct Ids64 {
    key: RandomState,
    seen: HashSet<u64, BuildHasherDefault<AsItIs>>,
    order: VecDeque<u64>,
}

impl Ids64 {
    /// Whether an id is new.
    pub fn is_new(&mut self, id: &[u8]) -> bool {
        let key = self.key.hash_one(id);
        if !self.seen.insert(key) {
            return false;
        }
        if self.order.len() == 2 * 65_536
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.order.push_back(key);
        true
    }
}

/// What is a hash already.
#[derive(Default)]
pub struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 are hashed");
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
