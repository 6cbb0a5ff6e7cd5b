//! The values that one sequence uses: few subjects, selectors, kinds, logins, epochs and instants, so that its calls
//! concern the same records, at the edges that the sequence's themes choose.

use std::time::Duration;

use hallpass_core::store::{Body, Epoch, Era, Record, Revision};
use hallpass_core::{Device, Kind, LoginId, Note, Purpose, Purposes, Reason, Selector, Subject, Timestamp};

use super::values::{FAMILIES, NEIGHBOURS, instant, near, number, revision, scaled, variations};
use crate::rng::Rng;
use crate::specimen::{NOW, at, body, rewritten, subject};

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
    /// Names, kinds and instants that are the same text where a key strings them together.
    Joins,
    /// A dozen records, so that a call of every form finds its own. Only on request.
    Forms,
}

impl Theme {
    /// The themes that also need luck occur twice.
    pub(crate) const ALL: [Self; 18] = [
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
        Self::Joins,
    ];
}

const HOUR: Duration = Duration::from_secs(3_600);

impl Theme {
    /// Whether it chooses steps rather than values.
    pub(crate) const fn is_about_handles(self) -> bool {
        matches!(self, Self::Drops | Self::Places | Self::Opens)
    }
}

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
    /// A world of the theme `about`, if there is one, and of up to two others.
    pub(crate) fn new(rng: &mut Rng, floor: Timestamp, quick: bool, about: Option<Theme>) -> Self {
        let mut themes: Vec<_> = (0..rng.below(3)).map(|_| *rng.pick(&Theme::ALL)).collect();
        if let Some(about) = about {
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
            instants: near(rng).map(at).to_vec(),
            revisions: vec![1],
            floor,
        };
        if world.has(Theme::Numbers) {
            world.revisions = (0..3).map(|_| revision(rng)).collect();
        }
        world.subjects = world.names(rng).iter().map(|name| subject(name)).collect();
        if world.has(Theme::Time) {
            world.instants = (0..4).map(|_| instant(rng)).collect();
            world.instants.push(NOW);
        } else if rng.chance(35) {
            // In the past by any real clock.
            let past = |after: u64| Timestamp::from_millis(1_600_000_000_000 + after);
            world.instants = near(rng).map(past).to_vec();
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
        if world.has(Theme::Joins) {
            world.join(rng);
        }
        let bits = world.has(Theme::Bits);
        world.logins = variations(rng, 3, bits).into_iter().map(LoginId).collect();
        let alike = bits || rng.chance(20);
        world.epochs = variations(rng, 4, alike).into_iter().map(Epoch).collect();
        let count = match (world.has(Theme::Crowd), world.has(Theme::Names)) {
            (true, _) => 40,
            _ if world.has(Theme::Forms) => 12,
            (_, true) => 8,
            _ => 4 + rng.below(5),
        };
        let tails: Vec<[u8; 14]> = variations(rng, count, bits);
        for tail in tails {
            let owner = match rng.below(10) {
                0 => None,
                1 | 2 if world.has(Theme::Who) || world.has(Theme::Forms) => None,
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

    /// A world for [`Theme::Forms`] with its own subjects and selectors, beside those of other numbers.
    pub(crate) fn apart(rng: &mut Rng, floor: Timestamp, number: usize) -> Self {
        let mut world = Self::new(rng, floor, true, Some(Theme::Forms));
        world.themes.retain(|theme| !theme.is_about_handles());
        world.subjects = ["carol", "dave"].map(|name| subject(&format!("{name} {number}"))).to_vec();
        for record in &mut world.keys {
            record.selector.0[2..].copy_from_slice(&rng.bytes::<14>());
            if record.subject.is_some() {
                let owner = rng.pick(&world.subjects).clone();
                record.selector.0[..2].copy_from_slice(&owner.shard());
                record.subject = Some(owner);
            }
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

    /// Chooses values of which two columns together are the same text for two records.
    fn join(&mut self, rng: &mut Rng) {
        let (between, more) = (*rng.pick(&["", ":", "-"]), *rng.pick(&["b", "1", "session"]));
        // The kind follows the name, or the name the kind.
        let (name, kind) = match rng.chance(50) {
            true => (format!("al{between}{more}"), format!("{more}{between}session")),
            false => (format!("{more}{between}al"), format!("session{between}{more}")),
        };
        self.subjects = ["al", &name].map(subject).to_vec();
        self.kinds = [Some(Kind::SESSION), Kind::new(&kind).ok()].into_iter().flatten().collect();
        if more == "1" {
            let digits = [5, 15, 151, 800_000_000_000, 1_800_000_000_000];
            self.instants = digits.map(Timestamp::from_millis).to_vec();
        }
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

    /// `record` but for one of the columns that a write may change.
    pub(crate) fn alike(&self, rng: &mut Rng, record: &Record) -> Record {
        let mut other = record.clone();
        match rng.below(7) {
            0 => other.updated_at = *rng.pick(&self.instants),
            1 => other.seen_at = *rng.pick(&self.instants),
            2 if other.idle_at.is_some() => other.idle_at = None,
            2 if other.revoked.is_none() => other.idle_at = Some(*rng.pick(&self.instants)),
            3 => other.generation = other.generation.wrapping_add(1),
            4 => other.device = Device::new("Safari on a phone").unwrap_or_default(),
            5 => other.purge_at = other.expires_at,
            _ => {}
        }
        self.fit(&mut other);
        if other == *record {
            other.body = rewritten(&record.body, rng);
        }
        other
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
        let odd = HOUR + millisecond * scaled(rng, 31) as u32;
        let some =
            [HOUR, HOUR, HOUR * 2, HOUR + millisecond, odd, HOUR * 24, HOUR * 24 * 365, HOUR * 100_000];
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
