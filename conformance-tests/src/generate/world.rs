//! The values that one sequence uses: few subjects, selectors, kinds, logins, epochs and instants, so that its calls
//! concern the same records, at the edges that the sequence's themes choose.

use std::time::Duration;

use base64ct::{Base64Unpadded, Encoding};
use hallpass_core::store::{Body, Epoch, Era, Record, Revision};
use hallpass_core::{Device, Kind, LoginId, Note, Purpose, Purposes, Reason, Selector, Subject, Timestamp};

use crate::rng::Rng;
use crate::specimen::{NOW, at, body, subject};

/// What a sequence concentrates on: one to three of these, so that a mistake shows that needs two edges together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Theme {
    /// Anonymous records, subjects that share a shard, parents of other subjects, selectors outside their shard.
    Who,
    /// Names that a collation, a pattern, a key or a column could confuse.
    Names,
    /// Instants with any number of digits, in the distant past, far in the future, equal.
    Time,
    /// Revisions and other numbers at the limits of 16, 32 and 53 bits.
    Numbers,
    /// Selectors, logins and epochs that differ in one bit, or in the case of a base64 letter.
    Bits,
    /// Empty and longest bodies, devices and notes.
    Sizes,
    /// Sets of kinds (a dozen, repeated, empty, similar names), and sets of purposes.
    Sets,
    /// Epochs: read late or early, kept shorter or longer, set, expired.
    Epochs,
    /// Marks with every reason, and the calls that follow them.
    Ends,
    /// Purges around the instants at which records are due.
    Purges,
    /// Many records of one subject, some with the same creation time.
    Crowd,
    /// Dropped calls.
    Drops,
    /// Two concurrent calls.
    Pairs,
    /// Handles that are reopened.
    Opens,
    /// Two namespaces.
    Places,
}

impl Theme {
    /// The themes that also need luck occur twice.
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

/// Two names with the same shard, so that a store that routes by shard accepts a child of the other subject (T7).
pub(crate) const NEIGHBOURS: [&str; 2] = ["alice", "bob 10871"];

/// Families of names that some backend confuses.
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

/// Instants with each number of digits, at the limits of 31, 32 and 41 bits, in the distant past, and the last one.
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

/// The values that one sequence uses.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) themes: Vec<Theme>,
    pub(crate) subjects: Vec<Subject>,
    /// The immutable fields of the records; they change only when another record takes the selector of a removed one.
    pub(crate) keys: Vec<Record>,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) logins: Vec<LoginId>,
    pub(crate) epochs: Vec<Epoch>,
    pub(crate) instants: Vec<Timestamp>,
    revisions: Vec<u64>,
    /// No record may be due before this, because the backend purges by a real clock.
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
            // A dropped call on many records has too many possible outcomes to follow.
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
            // In the past by any real clock.
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
            // Names that follow the name of the second namespace, which ends in `_b`.
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

    /// A record of `selector` with new immutable fields.
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

    /// Gives the selector to another record.
    pub(crate) fn give_away(&mut self, rng: &mut Rng, key: usize) {
        let owner = self.keys[rng.below(self.keys.len())].subject.clone();
        let selector = self.keys[key].selector;
        let fits = owner.as_ref().is_none_or(|owner| owner.shard() == selector.shard());
        let owner = if fits { owner } else { self.keys[key].subject.clone() };
        self.keys[key] = self.fresh(rng, selector, owner);
    }

    /// A random record with the immutable fields of a key.
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

    /// Moves `purge_at` so that it is not before the earlier of the two expiries (S10).
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

    /// A body with its own write id, as every write carries.
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

    /// How long to keep an epoch: at least an hour.
    pub(crate) fn keep(&self, rng: &mut Rng) -> Duration {
        if !self.has(Theme::Epochs) {
            return HOUR;
        }
        let millisecond = Duration::from_millis(1);
        let some = [HOUR, HOUR, HOUR * 2, HOUR + millisecond, HOUR * 24, HOUR * 24 * 365, HOUR * 100_000];
        *rng.pick(&some)
    }

    /// The time at which an epoch is read or set.
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

/// `count` byte strings: random ones, or ones that differ in one bit or in the case of a base64 letter.
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

/// Changes the case of one letter in the base64 of `bytes`.
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
