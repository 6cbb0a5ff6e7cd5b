//! What one sequence plays with: few subjects, selectors, kinds, logins, epochs and instants, so that its calls meet,
//! and each of them at an edge that the sequence's themes choose.

use std::time::Duration;

use base64ct::{Base64Unpadded, Encoding};
use hallpass_core::{
    Body, Device, Epoch, Era, Kind, LoginId, Note, Purpose, Purposes, Reason, Record, Revision, Selector,
    Subject, Timestamp,
};

use crate::rng::Rng;
use crate::specimen::{NOW, at, body, subject};

/// What a sequence looks at: one to three of these, so that a slip shows that needs two edges at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Theme {
    /// Anonymous records, subjects of one shard, parents of others, selectors outside of their shard.
    Who,
    /// Names that a collation, a pattern, a key or a column could confuse.
    Names,
    /// Instants of any length, long past, far in the future, equal.
    Time,
    /// Revisions and other numbers at the ends of 16, 32 and 53 bits.
    Numbers,
    /// Selectors, logins and epochs that differ in one bit, or in the case of base64.
    Bits,
    /// Empty and largest bodies, devices and notes.
    Sizes,
    /// Sets of kinds: a dozen, named twice, empty, of similar names; sets of purposes.
    Sets,
    /// Epochs: read late, early, shorter, longer, set, over.
    Epochs,
    /// Marks of every reason, and what comes after them.
    Ends,
    /// Collecting, around the instants at which records are due.
    Purges,
    /// Many records of one subject, some of one instant.
    Crowd,
    /// Calls that are dropped.
    Drops,
    /// Two calls at once.
    Pairs,
    /// Handles that are opened anew.
    Opens,
    /// Two namespaces.
    Places,
}

impl Theme {
    /// Those that need luck as well stand here twice.
    pub(crate) const ALL: [Self; 17] = [
        Self::Drops,
        Self::Pairs,
        Self::Who,
        Self::Names,
        Self::Time,
        Self::Numbers,
        Self::Bits,
        Self::Sizes,
        Self::Sets,
        Self::Epochs,
        Self::Ends,
        Self::Purges,
        Self::Crowd,
        Self::Drops,
        Self::Pairs,
        Self::Opens,
        Self::Places,
    ];
}

/// Two names of one shard, so that a store which routes by it takes a child of the other's (T7).
pub(crate) const NEIGHBOURS: [&str; 2] = ["alice", "bob 10871"];

/// Families of names, each of them confused by some backend.
pub(crate) const FAMILIES: &[&[&str]] = &[
    &["alice", "Alice", "ALICE"],
    &["alice", "alice ", " alice"],
    &["alice", "alice\n", "alice\t"],
    &["al", "alice", "alice2"],
    &["a_b", "a%b", "axb"],
    &["a*b", "a?b", "a[x]b"],
    &["\u{e9}", "e\u{301}", "e"],
    &["ß", "ss", "SS"],
    &["İ", "i", "ı"],
    &["ﬁ", "fi", "FI"],
    &["0", "00", "-0"],
    &["1", "1.0", "1e0"],
    &["null", "NULL", "true"],
    &["a:b", "a", "b"],
    &["{a}", "{a}b", "a}{b"],
    &["a/b", "a/", "/b"],
    &["a|b", "a,b", "a b"],
    &["'", "''", "\""],
    &["\\", "\\\\", "\\n"],
    &["$1", "%s", "{}"],
    &["\u{1}", "\u{7f}", "\u{2}"],
    &["\u{200b}alice", "alice", "\u{feff}alice"],
    &["🦀", "🦀\u{fe0f}", "🦀🦀"],
    &["\u{ffff}", "\u{10ffff}", "\u{fffd}"],
    &["b_alice", "alice", "_b_alice"],
    &["../x", "'; drop table x; --", "--"],
];

/// Instants: of each number of digits, around what 31, 32 and 41 bits hold, long past, and the last one.
const INSTANTS: &[u64] = &[
    0,
    1,
    9,
    10,
    999,
    1_000,
    65_536,
    9_999_999,
    2_147_483_647,
    2_147_483_648,
    4_294_967_296,
    99_999_999_999,
    999_999_999_999,
    1_600_000_000_001,
    1_699_999_999_999,
    2_147_483_647_999,
    2_147_483_648_000,
    4_294_967_296_000,
    9_999_999_999_999,
    10_000_000_000_001,
    99_999_999_999_999,
    100_000_000_000_001,
    253_402_300_799_998,
    253_402_300_799_999,
];

const REVISIONS: &[u64] = &[
    1,
    255,
    256,
    (1 << 15) - 1,
    (1 << 16) - 1,
    1 << 16,
    (1 << 16) + 1,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    (1 << 32) + 1,
    99_999_999_999_999,
    999_999_999_999_999,
    (1 << 52) + 1,
    (1 << 53) - 3,
    (1 << 53) - 2,
    (1 << 53) - 1,
];

const HOUR: Duration = Duration::from_secs(3_600);

/// What one sequence plays with.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) themes: Vec<Theme>,
    pub(crate) subjects: Vec<Subject>,
    /// What never changes of the records, but for one that takes the selector of one that has gone.
    pub(crate) keys: Vec<Record>,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) logins: Vec<LoginId>,
    pub(crate) epochs: Vec<Epoch>,
    pub(crate) instants: Vec<Timestamp>,
    revisions: Vec<u64>,
    /// No record may be due before this: the backend collects by a real clock.
    pub(crate) floor: Timestamp,
}

impl World {
    pub(crate) fn new(rng: &mut Rng, floor: Timestamp, quick: bool, about: Option<Theme>) -> Self {
        let mut themes: Vec<_> = (0..1 + rng.below(3)).map(|_| *rng.pick(&Theme::ALL)).collect();
        if let Some(about) = about {
            themes.truncate(1);
            themes.retain(|theme| *theme != Theme::Drops);
            themes.push(about);
        }
        if quick {
            themes.retain(|theme| *theme != Theme::Crowd);
        } else if themes.contains(&Theme::Crowd) {
            // What a dropped call may have done to many records is too much to follow.
            themes.retain(|theme| *theme != Theme::Drops);
        }
        let mut world = Self {
            themes,
            subjects: Vec::new(),
            keys: Vec::new(),
            kinds: vec![Kind::SESSION, Kind::REMEMBER],
            logins: Vec::new(),
            epochs: Vec::new(),
            instants: [0, 1, 5, 10, 1_000].map(at).to_vec(),
            revisions: vec![1],
            floor,
        };
        if world.has(Theme::Numbers) {
            world.revisions = (0..3).map(|_| *rng.pick(REVISIONS)).collect();
        }
        world.subjects = world.names(rng).iter().map(|name| subject(name)).collect();
        if world.has(Theme::Time) {
            world.instants = (0..4).map(|_| Timestamp::from_millis(*rng.pick(INSTANTS))).collect();
            world.instants.push(NOW);
        } else if rng.chance(35) {
            // Long past by any real clock.
            let past = |after: u64| Timestamp::from_millis(1_600_000_000_000 + after);
            world.instants = [0, 1, 5, 10, 1_000].map(past).to_vec();
        }
        if world.has(Theme::Crowd) {
            world.instants.truncate(3);
        }
        if world.has(Theme::Sets) {
            let alike: [&[&str]; 4] = [
                &["session", "session-", "sessio"],
                &["one-time", "one-time:reset", "one-time:"],
                &["a", "0", "-"],
                &["abcdefghijklmnopqrstuvwxyz012345", "abcdefghijklmnopqrstuvwxyz012346", "abcdefghijklmnop"],
            ];
            world.kinds.extend(rng.pick(&alike).iter().filter_map(|name| Kind::new(name).ok()));
        }
        let bits = world.has(Theme::Bits);
        world.logins = variations(rng, 3, bits).into_iter().map(LoginId).collect();
        let alike = bits || rng.chance(20);
        world.epochs = variations(rng, 4, alike).into_iter().map(Epoch).collect();
        let count = match (world.has(Theme::Crowd), world.has(Theme::Names)) {
            (true, _) => 40,
            (_, true) => 8,
            _ => 4 + rng.below(5),
        };
        let tails: Vec<[u8; 14]> = variations(rng, count, bits);
        for tail in tails {
            let owner = match rng.below(10) {
                0 => None,
                1 | 2 if world.has(Theme::Who) => None,
                _ if world.has(Theme::Crowd) && rng.chance(80) => Some(world.subjects[0].clone()),
                _ => Some(rng.pick(&world.subjects).clone()),
            };
            let shard = match &owner {
                Some(owner) if !(world.has(Theme::Who) && rng.chance(5)) => owner.shard(),
                _ if rng.chance(50) => rng.pick(&world.subjects).shard(),
                _ => rng.bytes(),
            };
            let mut selector = Selector([0; 16]);
            selector.0[..2].copy_from_slice(&shard);
            selector.0[2..].copy_from_slice(&tail);
            let record = world.fresh(rng, selector, owner);
            world.keys.push(record);
        }
        world
    }

    pub(crate) fn has(&self, theme: Theme) -> bool {
        self.themes.contains(&theme)
    }

    fn names(&self, rng: &mut Rng) -> Vec<String> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        if self.has(Theme::Places) && rng.chance(50) {
            // Behind the name of the second namespace, which ends in `_b`.
            return owned(&["b_alice", "_b_alice", "alice"]);
        }
        if self.has(Theme::Names) {
            if rng.chance(50) {
                let (length, last) = (*rng.pick(&[40, 63, 100, 127, 128, 190, 200, 250, 254]), "y");
                let long = "x".repeat(length);
                return vec![long.clone() + last, long.clone() + "z", long];
            }
            let mut names: Vec<_> = FAMILIES[rng.below(FAMILIES.len())].to_vec();
            names.extend(FAMILIES[rng.below(FAMILIES.len())]);
            names.sort_unstable();
            names.dedup();
            return owned(&names);
        }
        if self.has(Theme::Who) && rng.chance(70) {
            return owned(&NEIGHBOURS);
        }
        owned(&["alice", "bob"])
    }

    /// A record of `selector`, in all that never changes.
    fn fresh(&self, rng: &mut Rng, selector: Selector, subject: Option<Subject>) -> Record {
        let at = *rng.pick(&self.instants);
        Record {
            selector,
            subject,
            kind: *rng.pick(&self.kinds),
            purpose: *rng.pick(&Purpose::ALL),
            login: *rng.pick(&self.logins),
            era: Era::new(if self.has(Theme::Numbers) { number(rng) } else { 0 }),
            created_at: *rng.pick(&self.instants),
            expires_at: rng.pick(&self.instants).max(&self.floor).to_owned(),
            updated_at: at,
            seen_at: at,
            idle_at: None,
            purge_at: at,
            revoked: None,
            revision: Revision::FIRST,
            generation: 0,
            device: Device::default(),
            body: body(Vec::new()),
        }
    }

    /// Another record takes the selector.
    pub(crate) fn give_away(&mut self, rng: &mut Rng, key: usize) {
        let owner = self.keys[rng.below(self.keys.len())].subject.clone();
        let selector = self.keys[key].selector;
        let fits = owner.as_ref().is_none_or(|owner| owner.shard() == selector.shard());
        let owner = if fits { owner } else { self.keys[key].subject.clone() };
        self.keys[key] = self.fresh(rng, selector, owner);
    }

    /// Any record of a key.
    pub(crate) fn record(&self, rng: &mut Rng, key: usize) -> Record {
        let mut record = self.keys[key].clone();
        let instant = |rng: &mut Rng| *rng.pick(&self.instants);
        (record.updated_at, record.seen_at) = (instant(rng), instant(rng));
        record.idle_at = rng.chance(60).then(|| instant(rng));
        record.purge_at = instant(rng);
        record.revision = self.revision(rng);
        record.generation = if self.has(Theme::Numbers) { number(rng) } else { 0 };
        record.device = self.device(rng);
        record.body = self.body(rng);
        if rng.chance(if self.has(Theme::Ends) { 20 } else { 3 }) {
            (record.revoked, record.idle_at) = (Some(*rng.pick(&Reason::ALL)), None);
            record.purge_at = record.expires_at;
        }
        self.fit(&mut record);
        record
    }

    /// `purge_at` is not before the earlier of the two expiries (S10).
    pub(crate) fn fit(&self, record: &mut Record) {
        let first = record.idle_at.map_or(record.expires_at, |idle| idle.min(record.expires_at));
        record.purge_at = record.purge_at.max(first).max(self.floor);
    }

    fn revision(&self, rng: &mut Rng) -> Revision {
        Revision::new(*rng.pick(&self.revisions)).unwrap_or(Revision::FIRST)
    }

    pub(crate) fn device(&self, rng: &mut Rng) -> Device {
        let text = match (self.has(Theme::Sizes), rng.below(6)) {
            (true, 0) => String::new(),
            (true, 1) => "x".repeat(512),
            (true, 2) => "\u{10ffff}".repeat(128),
            (true, 3) => " a ".to_owned(),
            (true, 4) => "\u{feff}'; --\n".to_owned(),
            _ => "Firefox on Linux".to_owned(),
        };
        Device::new(text).unwrap_or_default()
    }

    /// A body with a write id of its own, as every write carries.
    pub(crate) fn body(&self, rng: &mut Rng) -> Body {
        let (mut len, mut fill) = (24, None);
        if self.has(Theme::Sizes) {
            len = *rng.pick(&[10, 11, 255, 256, 257, 4_096, 16_384, Body::MAX_LEN - 1, Body::MAX_LEN]);
            fill = *rng.pick(&[None, None, Some(0), Some(0xff), Some(b'\''), Some(b' ')]);
        }
        let mut bytes = fill.map_or_else(|| rng.vec(len), |byte| vec![byte; len]);
        bytes[2..10].copy_from_slice(&rng.bytes::<8>());
        body(bytes)
    }

    pub(crate) fn note(&self, rng: &mut Rng) -> Note {
        let len = match self.has(Theme::Sizes) {
            true => *rng.pick(&[0, 1, 255, 256, Note::MAX_LEN]),
            false => *rng.pick(&[0, 0, 20]),
        };
        Note::new(rng.vec(len)).unwrap_or_default()
    }

    /// How long an epoch is to be kept: an hour at least.
    pub(crate) fn keep(&self, rng: &mut Rng) -> Duration {
        if !self.has(Theme::Epochs) {
            return HOUR;
        }
        let millisecond = Duration::from_millis(1);
        let some = [HOUR, HOUR, HOUR * 2, HOUR + millisecond, HOUR * 24, HOUR * 24 * 365, HOUR * 100_000];
        *rng.pick(&some)
    }

    /// When an epoch is read or set.
    pub(crate) fn epoch_now(&self, rng: &mut Rng) -> Timestamp {
        if self.has(Theme::Epochs) {
            let hour = 3_600_000;
            let after = [0, hour / 2, hour * 3 / 4, hour - 1, hour, hour + 1, hour * 2, hour * 47];
            return match rng.chance(15) {
                true => NOW.saturating_sub(HOUR * 2),
                false => at(*rng.pick(&after)),
            };
        }
        if self.has(Theme::Time) { *rng.pick(&self.instants) } else { NOW }
    }

    /// A set of purposes.
    pub(crate) fn purposes(&self, rng: &mut Rng) -> Purposes {
        if !rng.chance(if self.has(Theme::Sets) { 60 } else { 25 }) {
            return Purposes::ALL;
        }
        let some: Vec<_> = Purpose::ALL.into_iter().filter(|_| rng.chance(50)).collect();
        Purposes::of(&some)
    }
}

/// `count` strings of bytes: any, or such that differ in one bit, or in the case of a letter of their base64.
fn variations<const N: usize>(rng: &mut Rng, count: usize, alike: bool) -> Vec<[u8; N]> {
    let mut all: Vec<[u8; N]> = vec![match (alike, rng.below(4)) {
        (true, 0) => [0; N],
        (true, 1) => [0xff; N],
        (true, 2) => [b'a'; N],
        _ => rng.bytes(),
    }];
    while all.len() < count {
        let mut next = rng.bytes();
        if alike {
            next = *rng.pick(&all);
            if rng.chance(40) {
                flip_case(&mut next, rng);
            } else {
                let byte = [0, N / 2 - 1, N / 2, N - 1, rng.below(N)][rng.below(5)];
                next[byte] ^= [1, 0x20, 0x80, 1 << rng.below(8)][rng.below(4)];
            }
        }
        if !all.contains(&next) {
            all.push(next);
        }
    }
    all
}

/// Changes the case of one letter of the base64 of `bytes`.
fn flip_case<const N: usize>(bytes: &mut [u8; N], rng: &mut Rng) {
    let mut text = Base64Unpadded::encode_string(bytes).into_bytes();
    // The last digit has unused bits.
    let at = rng.below(text.len() - 1);
    text[at] = if text[at].is_ascii_lowercase() {
        text[at].to_ascii_uppercase()
    } else {
        text[at].to_ascii_lowercase()
    };
    let decoded = std::str::from_utf8(&text).map(|text| Base64Unpadded::decode(text, bytes).is_ok());
    debug_assert_eq!(decoded, Ok(true), "a letter in another case is a digit, too");
}

fn number(rng: &mut Rng) -> u32 {
    *rng.pick(&[0, 1, 127, 255, 256, 32_767, 65_535, 65_536, (1 << 31) - 1, 1 << 31, u32::MAX])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_a_shard() {
        assert_eq!(subject(NEIGHBOURS[0]).shard(), subject(NEIGHBOURS[1]).shard());
    }
}
