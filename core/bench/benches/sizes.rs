//! Sizes of the main types, in bytes on this machine: `cargo bench --bench sizes`, a name and a figure a line.

use std::mem::size_of;

use larkwire_core::content::{Content, Mention};
use larkwire_core::link::{CallbackSlot, FinishedId, PartSet, Session, SessionStorage};
use larkwire_core::wire::frame::Frame;
use larkwire_core::wire::json::Reader;
use larkwire_core::{
    AckReaction, Bot, Buffers, CallSlot, Config, DeliveryId, Event, HttpLane, Layout, Message, Notice, Report, Seen,
    SeenEntry, Stats, Storage, Tables,
};

fn main() {
    let sizes = [
        ("AckReaction", size_of::<AckReaction>()),
        ("Bot", size_of::<Bot<'_>>()),
        ("Buffers, small board", size_of::<Buffers<2048, 1024, 2048, 1024, 256>>()),
        ("Buffers, roomy board", size_of::<Buffers<8192, 2048, 6144, 4104, 2048>>()),
        ("CallSlot", size_of::<CallSlot<'_>>()),
        ("CallbackSlot", size_of::<CallbackSlot<'_>>()),
        ("Config", size_of::<Config<'_>>()),
        ("Content", size_of::<Content<'_>>()),
        ("DeliveryId", size_of::<DeliveryId>()),
        ("Event", size_of::<Event<'_>>()),
        ("FinishedId", size_of::<FinishedId>()),
        ("Frame", size_of::<Frame<'_>>()),
        ("HttpLane", size_of::<HttpLane<'_>>()),
        ("Layout", size_of::<Layout>()),
        ("Mention", size_of::<Mention<'_>>()),
        ("Message", size_of::<Message<'_>>()),
        ("Notice", size_of::<Notice>()),
        ("PartSet", size_of::<PartSet>()),
        ("Reader", size_of::<Reader<'_>>()),
        ("Report", size_of::<Report<'_>>()),
        ("Seen", size_of::<Seen<'_>>()),
        ("SeenEntry", size_of::<SeenEntry>()),
        ("Session", size_of::<Session<'_>>()),
        ("SessionStorage", size_of::<SessionStorage<'_>>()),
        ("Stats", size_of::<Stats>()),
        ("Storage", size_of::<Storage<'_>>()),
        ("Tables", size_of::<Tables<'_>>()),
    ];
    for (name, bytes) in sizes {
        println!("{:<48} {bytes:>10}", name.replace(", ", "_").replace(' ', "_"));
    }
}
