//! A journal whose power goes at any word: what was acked is handled once, whatever the moment.

use std::collections::{HashMap, HashSet};

use embassy_futures::block_on;
use larkwire_core::{DeliveryId, Event, Layout};
use larkwire_embassy::journal::{Entry, FlashJournal, Journal, JournalFault, Restored};

use crate::flash::{Flash, PAGE, Tear};
use crate::support::message;

const HEADER: [u8; 32] = [7; 32];
type Book = FlashJournal<Flash, 3, 640>;

/// What outlives the board: the platform, and what the program's doings left in the world.
#[derive(Default)]
struct World {
    acked: HashSet<u32>,
    handled: HashMap<u32, u32>,
    /// Messages that may be handled again: the power went between the doing and its `done`.
    excused: HashSet<u32>,
}

/// The two ids of a message.
fn ids_of(number: u32) -> [u8; 32] {
    let mut ids = [0; 32];
    ids[..4].copy_from_slice(&number.to_le_bytes());
    ids[16..20].copy_from_slice(&(number + 1_000_000).to_le_bytes());
    ids
}

fn key_of(number: u32) -> [u8; 8] {
    ids_of(number)[..8].try_into().unwrap()
}

async fn store(book: &mut Book, number: u32) -> Result<Entry, JournalFault> {
    // Of many lengths, so that pages end everywhere.
    let json = message(usize::try_from(number).unwrap(), &"x".repeat(usize::try_from(number * 7 % 60).unwrap()));
    let layout = Layout::read(&json).unwrap();
    book.store(&ids_of(number), &Event::view(DeliveryId::NONE, &json, &layout, "trace-1")).await
}

/// Which message an entry holds.
async fn number_of(book: &mut Book, after: Option<Entry>) -> Option<(Entry, u32)> {
    let (entry, event) = book.unhandled::<640>(after).await.ok()??;
    let id = event.expect("what was stored can be read").message_id().unwrap();
    Some((entry, id.as_str().strip_prefix("om_").unwrap().parse().unwrap()))
}

impl World {
    async fn handle(&mut self, book: &mut Book, entry: Entry, number: u32) -> Result<(), JournalFault> {
        *self.handled.entry(number).or_default() += 1;
        self.excused.insert(number);
        book.handled(entry).await?;
        self.excused.remove(&number);
        Ok(())
    }

    /// One life of the board: what is left is handled, then `count` messages come as long as they are not acked, twice
    /// each, and are done two messages later.
    async fn life(&mut self, flash: &Flash, count: u32) -> Result<Restored, JournalFault> {
        let mut book = Book::new(flash.clone(), flash.range()).unwrap();
        let mut ids = [0; 32 + 32 * 40];
        let restored = book.restore(&mut ids).await?;
        if restored.ids == 0 {
            book.begin(&HEADER).await?;
        } else {
            assert_eq!(ids[..32], HEADER);
        }
        let records = ids[..restored.ids].get(32..).unwrap_or_default().chunks_exact(16);
        let mut seen: HashSet<[u8; 8]> = records.map(|record| record[..8].try_into().unwrap()).collect();
        let mut after = None;
        for _ in 0..restored.unhandled {
            let Some((entry, number)) = number_of(&mut book, after).await else { return Err(JournalFault::Flash) };
            after = Some(entry);
            self.handle(&mut book, entry, number).await?;
        }
        let mut open = Vec::new();
        for number in 1..=count {
            for _again in 0..2 {
                if self.acked.contains(&number) && number % 5 != 0 {
                    continue; // every fifth comes again although it was acked: its ack was lost
                }
                if !seen.contains(&key_of(number)) {
                    open.push((store(&mut book, number).await?, number));
                    seen.insert(key_of(number));
                }
                self.acked.insert(number);
            }
            if open.len() == 3 {
                let (entry, number) = open.remove(0);
                self.handle(&mut book, entry, number).await?;
            }
        }
        for (entry, number) in open {
            self.handle(&mut book, entry, number).await?;
        }
        Ok(restored)
    }

    fn check(&self, count: u32, what: &str) {
        for number in 1..=count {
            let times = self.handled.get(&number).copied().unwrap_or_default();
            let most = if self.excused.contains(&number) { 2 } else { 1 };
            assert!((1..=most).contains(&times), "{what}: message {number} was handled {times} times");
        }
    }
}

/// The smallest flash for such a journal.
fn flash() -> Flash {
    let flash = Flash::new(4);
    assert!(Book::new(flash.clone(), flash.range()).is_ok());
    flash
}

/// Thirty messages, and the power goes at the steps that `cuts` chooses: all that come again, and what becomes of them.
fn cut(cuts: impl FnOnce(&Flash) -> Vec<(usize, Tear)>) {
    const MESSAGES: u32 = 30;
    let undisturbed = flash();
    block_on(World::default().life(&undisturbed, MESSAGES)).unwrap();
    assert!(undisturbed.erased() >= 2 * 2 + 2, "the journal moved from one half to the other and back");
    for (cut, tear) in cuts(&undisturbed) {
        let (flash, mut world) = (flash(), World::default());
        flash.cut_after(Some(cut), tear);
        let what = format!("{tear:?} at {cut}");
        assert_eq!(block_on(world.life(&flash, MESSAGES)), Err(JournalFault::Flash), "{what}");
        let excused = std::mem::take(&mut world.excused);
        assert!(excused.len() <= 1, "{what}");
        flash.cut_after(None, tear);
        let restored = block_on(world.life(&flash, MESSAGES)).expect(&what);
        assert_eq!(restored.corrupt, 0, "{what}");
        world.excused = excused;
        world.check(MESSAGES, &what);
    }
}

#[test]
fn no_message_is_lost_or_handled_twice_whichever_write_or_erasure_the_power_goes_at() {
    cut(|undisturbed| {
        let ops = undisturbed.ops();
        assert!(ops.len() > 200);
        let of_op = |(first, last): &(usize, usize)| {
            [(*first, Tear::Front), (first.midpoint(*last), Tear::Back), (*last, Tear::Before)]
        };
        ops.iter().flat_map(of_op).collect()
    });
}

#[test]
#[ignore = "minutes: every word of every write, left in three ways"]
fn no_message_is_lost_or_handled_twice_whichever_word_the_power_goes_at() {
    cut(|undisturbed| {
        let tears = [Tear::Before, Tear::Front, Tear::Back];
        (1..=undisturbed.steps()).flat_map(|cut| tears.map(|tear| (cut, tear))).collect()
    });
}

#[test]
fn a_board_whose_power_goes_again_and_again_gets_there_all_the_same() {
    // As many as the flash keeps the ids of.
    const MESSAGES: u32 = 24;
    for every in [1, 60, 400] {
        for tear in [Tear::Before, Tear::Front, Tear::Back] {
            let (flash, mut world) = (flash(), World::default());
            let mut lives = 0;
            let mut excused = HashMap::<u32, u32>::new();
            loop {
                // A little longer each time, so that even the first move to the other half comes to an end.
                flash.cut_after(Some(every + 9 * lives), tear);
                let lived = block_on(world.life(&flash, MESSAGES));
                for number in world.excused.drain() {
                    *excused.entry(number).or_default() += 1;
                }
                if lived.is_ok() {
                    break;
                }
                lives += 1;
                assert!(lives < 5000, "{tear:?} every {every}");
            }
            for number in 1..=MESSAGES {
                let times = world.handled.get(&number).copied().unwrap_or_default();
                let most = 1 + excused.get(&number).copied().unwrap_or_default();
                assert!(
                    (1..=most).contains(&times),
                    "{tear:?} every {every}: message {number} {times} times of {most}"
                );
            }
        }
    }
}

#[test]
fn a_full_flash_forgets_the_oldest_ids_and_never_an_event_that_is_not_handled() {
    let (flash, mut ids) = (flash(), [0; 32 + 32 * 200]);
    let mut book = Book::new(flash.clone(), flash.range()).unwrap();
    block_on(async {
        assert_eq!(book.restore(&mut ids).await, Ok(Restored::default()));
        assert_eq!(book.room(), 0);
        assert_eq!(store(&mut book, 1).await, Err(JournalFault::Unopened));
        book.begin(&HEADER).await.unwrap();
        let first = [store(&mut book, 1).await.unwrap(), store(&mut book, 2).await.unwrap()];
        for number in 3..=500 {
            let entry = store(&mut book, number).await.unwrap();
            if number == 250 {
                assert_eq!(store(&mut book, 999).await, Err(JournalFault::Full));
                assert_eq!(book.room(), 0);
            }
            assert_eq!(book.handled(entry).await, Ok(true));
            assert_eq!(book.handled(entry).await, Ok(false));
        }
        assert!(flash.erased() > 40);
        let mut book = Book::new(flash.clone(), flash.range()).unwrap();
        let restored = book.restore(&mut ids).await.unwrap();
        assert_eq!((restored.unhandled, restored.corrupt, book.room()), (2, 0, 1));
        assert_eq!(number_of(&mut book, None).await, Some((first[0], 1)));
        assert_eq!(number_of(&mut book, Some(first[0])).await, Some((first[1], 2)));
        let keys: Vec<u32> =
            ids[32..restored.ids].chunks(32).map(|id| u32::from_le_bytes(id[..4].try_into().unwrap())).collect();
        let kept = u32::try_from(keys.len()).unwrap();
        assert!(kept >= 2 + 8, "{kept}");
        assert!((503 - kept..=500).all(|number| keys.contains(&number)), "the newest are kept: {keys:?}");
        // Where there is little room for them, the newest ids are read.
        let mut few = [0; 32 + 32 * 3 + 5];
        let restored = book.restore(&mut few).await.unwrap();
        assert_eq!(restored.ids, 32 + 32 * 3);
        assert_eq!(few[32 + 64..32 + 68], 500_u32.to_le_bytes());
        assert_eq!(book.restore(&mut []).await.unwrap().ids, 0);
    });
}

#[test]
fn a_record_that_rots_is_passed_over_and_counted() {
    let (flash, mut ids) = (flash(), [0; 32 + 32 * 40]);
    let mut book = Book::new(flash.clone(), flash.range()).unwrap();
    block_on(async {
        book.begin(&HEADER).await.unwrap();
        for number in 1..=3 {
            store(&mut book, number).await.unwrap();
        }
        flash.spoil(|bytes| {
            let at = bytes.windows(4).position(|bytes| bytes == b"om_2").unwrap();
            bytes[at + 3] = b'!';
        });
        let restored = book.restore(&mut ids).await.unwrap();
        assert_eq!((restored.unhandled, restored.corrupt), (2, 1));
        let (first, number) = number_of(&mut book, None).await.unwrap();
        assert_eq!(number, 1);
        assert_eq!(number_of(&mut book, Some(first)).await.unwrap().1, 3);
    });
}

#[test]
fn any_bytes_in_the_flash_do_no_harm_and_a_journal_can_be_begun_over_them() {
    let mut chance = 1_u32;
    let mut next = move || {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        chance >> 8
    };
    for round in 0..300 {
        let (flash, mut ids) = (flash(), [0; 32 + 32 * 40]);
        let mut world = World::default();
        if round % 3 > 0 {
            block_on(world.life(&flash, 10 + round % 20)).unwrap();
        }
        flash.spoil(|bytes| match round % 3 {
            0 => bytes.fill_with(|| next().to_le_bytes()[0]),
            _ => {
                for _ in 0..=round {
                    let at = usize::try_from(next()).unwrap() % bytes.len();
                    bytes[at] = next().to_le_bytes()[0];
                }
            }
        });
        let mut book = Book::new(flash.clone(), flash.range()).unwrap();
        block_on(async {
            if let Ok(restored) = book.restore(&mut ids).await {
                assert!(restored.unhandled <= 3 && restored.ids <= ids.len());
                let _ = number_of_any(&mut book).await;
            }
            book.begin(&HEADER).await.unwrap();
            let entry = store(&mut book, 1).await.unwrap();
            assert_eq!(number_of(&mut book, None).await, Some((entry, 1)));
        });
        assert_eq!(block_on(book.restore(&mut ids)).map(|restored| (restored.ids, restored.unhandled)), Ok((64, 1)));
    }
}

async fn number_of_any(book: &mut Book) -> Option<()> {
    let mut after = None;
    while let Some((entry, event)) = book.unhandled::<640>(after).await.ok()? {
        after = Some(entry);
        let _ = event.map(|event| event.message_id());
    }
    Some(())
}

#[test]
fn a_flash_that_refuses_says_so_and_an_event_that_came_again_is_kept_once() {
    let (flash, mut ids) = (flash(), [0; 32 + 32 * 40]);
    let mut book = Book::new(flash.clone(), flash.range()).unwrap();
    block_on(async {
        book.begin(&HEADER).await.unwrap();
        // It writes all but the last bits of the last word, and complains.
        let before = flash.steps();
        store(&mut book, 1).await.unwrap();
        let words = flash.steps() - before;
        flash.cut_after(Some(words + 1), Tear::Before);
        let refused = store(&mut book, 11).await;
        flash.cut_after(None, Tear::Before);
        let again = store(&mut book, 11).await.unwrap();
        assert!(refused.is_err() || refused != Ok(again));
        book.handled(again).await.unwrap();
        let restored = book.restore(&mut ids).await.unwrap();
        assert_eq!(restored.unhandled, if refused.is_ok() { 2 } else { 1 });
    });
}

#[test]
fn a_flash_of_the_wrong_shape_is_refused_with_the_size_that_is_needed() {
    let flash = Flash::new(8);
    let page = u32::try_from(PAGE).unwrap();
    for range in [0..4 * page, page..7 * page, 0..8 * page] {
        assert!(Book::new(flash.clone(), range.clone()).is_ok(), "{range:?}");
    }
    // What the documentation says of four events of 2 KB.
    let roomy = FlashJournal::<Flash, 4, { 2048 + 156 }>::new(flash.clone(), flash.range()).map(|_| ());
    assert_eq!(roomy, Err(JournalFault::Range { needed: 12 * page }));
    for range in
        [0..0, 0..page, 0..3 * page, 0..5 * page, 1..4 * page + 1, 4..4 * page, 5 * page..9 * page, 8 * page..page]
    {
        let refused = Book::new(flash.clone(), range.clone()).map(|_| ());
        assert_eq!(refused, Err(JournalFault::Range { needed: 4 * page }), "{range:?}");
    }
}
