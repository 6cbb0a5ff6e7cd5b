//! What the suite knows about a store, and the edges that a call therefore visits.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use hallpass_core::store::{
    Action, Body, Change, EpochUpdate, Fence, Logins, Record, RecordFilter, Revocation,
};
use hallpass_core::{
    Clock as _, Kind, Kinds, LoginId, Note, Purpose, Purposes, Reason, Selector, Subject, SystemClock,
    Timestamp,
};

use super::{Asked, Edge, Edges};

/// What the calls of one case have shown about the store.
#[derive(Debug)]
pub(crate) struct Known {
    records: HashMap<Selector, KnownRecord>,
    of: HashMap<Subject, HashSet<Selector>>,
    shards: HashMap<[u8; 2], HashSet<Subject>>,
    epochs: HashMap<Subject, (Timestamp, Duration, bool)>,
    wall: Timestamp,
    under_way: usize,
}

#[derive(Debug)]
struct KnownRecord {
    subject: Option<Subject>,
    kind: Kind,
    purpose: Purpose,
    login: LoginId,
    expires_at: Timestamp,
    purge_at: Timestamp,
    revision: u64,
    reason: Option<Reason>,
    replaced: bool,
    gone: bool,
    node: usize,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            records: HashMap::new(),
            of: HashMap::new(),
            shards: HashMap::new(),
            epochs: HashMap::new(),
            wall: SystemClock.now(),
            under_way: 0,
        }
    }
}

impl Known {
    /// Records the beginning of a call and returns its edges.
    pub(crate) fn begin(&mut self, asked: Asked<'_>, node: usize) -> Edges {
        let mut edges = Edges::default();
        edges.add(Edge::Overlapped, self.under_way > 0);
        self.under_way += 1;
        match asked {
            Asked::Insert(record, fence) => {
                self.of_written(&mut edges, record);
                self.of_subject(&mut edges, record.subject.as_ref(), node);
                if let Fence::Epoch(_) = fence {
                    edges.add(Edge::UnderEpoch, true);
                    let set = record.subject.as_ref().and_then(|subject| self.epochs.get(subject));
                    edges.add(Edge::UnderSetEpoch, set.is_some_and(|(_, _, set)| *set));
                }
                match fence {
                    Fence::Parent(parent) => {
                        self.of_record(&mut edges, parent, node);
                        let parents = self.records.get(&parent).map(|seen| &seen.subject);
                        edges.add(Edge::AnonymousParent, parents == Some(&None));
                        let others = parents.is_some_and(|parents| *parents != record.subject);
                        edges.add(Edge::OthersParent, others && parents != Some(&None));
                    }
                    _ => self.of_record(&mut edges, record.selector, node),
                }
            }
            Asked::Find(selector) => self.of_record(&mut edges, selector, node),
            Asked::Replace(next, _, change) => {
                self.of_written(&mut edges, next);
                self.of_record(&mut edges, next.selector, node);
                if let Change::End(note) = change {
                    edges.add(Edge::LargeNote, note.as_bytes().len() == Note::MAX_LEN);
                }
            }
            Asked::Delete(selector, note) => {
                self.of_record(&mut edges, selector, node);
                edges.add(Edge::LargeNote, note.as_bytes().len() == Note::MAX_LEN);
            }
            Asked::Revoke(subject, Revocation { filter, action, epoch, note }) => {
                self.of_subject(&mut edges, Some(subject), node);
                self.of_records(&mut edges, subject, |seen| matches(filter, seen), node);
                of_sets(&mut edges, &filter.kinds, filter.purposes);
                edges.add(Edge::OneLogin, matches!(filter.logins, Logins::Only(_)));
                edges.add(Edge::OtherLogins, matches!(filter.logins, Logins::Except(_)));
                edges.add(Edge::LargeNote, note.as_bytes().len() == Note::MAX_LEN);
                if let Action::Mark { at, .. } = action {
                    of_instants(&mut edges, &[*at]);
                }
                if let EpochUpdate::Set { now, keep, .. } = epoch {
                    self.of_epoch(&mut edges, subject, *now, *keep);
                }
            }
            Asked::List(subject, page) => {
                self.of_subject(&mut edges, Some(subject), node);
                self.of_records(&mut edges, subject, |_| true, node);
                of_sets(&mut edges, &page.kinds, page.purposes);
                if let Some((instant, _)) = page.after {
                    of_instants(&mut edges, &[instant]);
                }
                edges.add(Edge::LimitOne, page.limit.get() == 1);
                edges.add(Edge::LimitLargest, page.limit.get() == u16::MAX);
            }
            Asked::Epoch(subject, _, keep, now) => {
                self.of_subject(&mut edges, Some(subject), node);
                self.of_epoch(&mut edges, subject, now, keep);
            }
            Asked::Purge(now, limit) => {
                of_instants(&mut edges, &[now]);
                edges.add(Edge::LimitZero, limit == 0);
                edges.add(Edge::LimitOne, limit == 1);
                edges.add(Edge::LimitLargest, limit == u32::MAX);
                let due = self.records.values().filter(|seen| seen.purge_at <= now);
                due.for_each(|seen| self.of_state(&mut edges, seen));
            }
        }
        edges
    }

    /// Records the end of a call; `wrote` says whether it changed something.
    pub(crate) fn end(&mut self, asked: Asked<'_>, node: usize, wrote: bool) {
        self.under_way -= 1;
        if !wrote {
            return;
        }
        match asked {
            Asked::Insert(record, _) | Asked::Replace(record, ..) => {
                if let Some(subject) = &record.subject {
                    self.of.entry(subject.clone()).or_default().insert(record.selector);
                    self.shards.entry(subject.shard()).or_default().insert(subject.clone());
                }
                let seen = KnownRecord {
                    subject: record.subject.clone(),
                    kind: record.kind,
                    purpose: record.purpose,
                    login: record.login,
                    expires_at: record.expires_at,
                    purge_at: record.purge_at,
                    revision: record.revision.get(),
                    reason: record.revoked,
                    replaced: matches!(asked, Asked::Replace(..)),
                    gone: false,
                    node,
                };
                self.records.insert(record.selector, seen);
            }
            Asked::Delete(selector, _) => {
                if let Some(seen) = self.records.get_mut(&selector) {
                    (seen.gone, seen.node) = (true, node);
                }
            }
            Asked::Revoke(subject, Revocation { filter, action, epoch, .. }) => {
                for selector in self.of.get(subject).into_iter().flatten() {
                    let Some(seen) = self.records.get_mut(selector).filter(|seen| matches(filter, seen))
                    else {
                        continue;
                    };
                    seen.node = node;
                    match action {
                        Action::Remove => seen.gone = true,
                        Action::Mark { reason, .. } => drop(seen.reason.get_or_insert(*reason)),
                    }
                }
                if let EpochUpdate::Set { now, keep, .. } = epoch {
                    self.epochs.insert(subject.clone(), (*now, *keep, true));
                }
            }
            Asked::Epoch(subject, _, keep, now) => {
                self.shards.entry(subject.shard()).or_default().insert(subject.clone());
                let set = self.epochs.get(subject).is_some_and(|(_, _, set)| *set);
                self.epochs.insert(subject.clone(), (now, keep, set));
            }
            Asked::Purge(now, _) => {
                for seen in self.records.values_mut().filter(|seen| seen.purge_at <= now) {
                    seen.gone = true;
                }
            }
            Asked::Find(_) | Asked::List(..) => {}
        }
    }

    /// Adds the edges of a record that is about to be written.
    fn of_written(&self, edges: &mut Edges, record: &Record) {
        let Record { created_at, updated_at, seen_at, expires_at, purge_at, .. } = record;
        of_instants(edges, &[*created_at, *updated_at, *seen_at, *expires_at, *purge_at]);
        of_revision(edges, record.revision.get());
        edges.add(Edge::SmallBody, record.body.as_bytes().len() <= 10);
        edges.add(Edge::LargeBody, record.body.as_bytes().len() == Body::MAX_LEN);
        edges.add(Edge::Anonymous, record.subject.is_none());
    }

    fn of_subject(&self, edges: &mut Edges, subject: Option<&Subject>, node: usize) {
        let Some(subject) = subject else { return };
        let name = subject.as_str();
        edges.add(Edge::Long, name.len() >= 190);
        edges.add(Edge::Odd, !name.bytes().all(|byte| byte.is_ascii_lowercase()));
        let shared = self.shards.get(&subject.shard());
        let others = shared.is_some_and(|shared| shared.iter().any(|other| other != subject));
        edges.add(Edge::Neighbour, others);
        let records = self.of.get(subject);
        edges.add(Edge::Crowd, records.is_some_and(|records| records.len() >= 1_000));
        if let Some(records) = records.filter(|records| records.len() < 100) {
            let mut seen = records.iter().filter_map(|selector| self.records.get(selector));
            edges.add(Edge::OtherHandle, seen.any(|seen| seen.node != node));
        }
    }

    fn of_record(&self, edges: &mut Edges, selector: Selector, node: usize) {
        let Some(seen) = self.records.get(&selector) else { return };
        self.of_state(edges, seen);
        edges.add(Edge::OtherHandle, seen.node != node);
        edges.add(Edge::Anonymous, seen.subject.is_none());
        self.of_subject(edges, seen.subject.as_ref(), node);
    }

    fn of_records(
        &self,
        edges: &mut Edges,
        subject: &Subject,
        of: impl Fn(&KnownRecord) -> bool,
        node: usize,
    ) {
        // A hundred records are enough to find every state.
        let records = self.of.get(subject).into_iter().flatten().take(100);
        for seen in records.filter_map(|selector| self.records.get(selector)).filter(|seen| of(seen)) {
            self.of_state(edges, seen);
            edges.add(Edge::OtherHandle, seen.node != node);
        }
    }

    fn of_state(&self, edges: &mut Edges, seen: &KnownRecord) {
        if seen.gone {
            edges.add(Edge::Gone, true);
            return;
        }
        match seen.reason {
            Some(Reason::Spent) => edges.add(Edge::Spent, true),
            Some(_) => edges.add(Edge::Marked, true),
            None => edges.add(Edge::Live, !seen.replaced),
        }
        edges.add(Edge::Replaced, seen.replaced);
        edges.add(Edge::Expired, seen.expires_at <= self.wall);
        of_revision(edges, seen.revision);
    }

    fn of_epoch(&self, edges: &mut Edges, subject: &Subject, now: Timestamp, keep: Duration) {
        edges.add(Edge::LongKeep, keep > Duration::from_secs(3_600));
        of_instants(edges, &[now]);
        if let Some((before, kept, set)) = self.epochs.get(subject) {
            edges.add(Edge::ShorterKeep, keep < *kept);
            edges.add(Edge::EarlierNow, now < *before);
            edges.add(Edge::AfterSet, *set);
        }
    }
}

fn matches(filter: &RecordFilter, seen: &KnownRecord) -> bool {
    filter.kinds.contain(&seen.kind)
        && filter.purposes.contain(seen.purpose)
        && filter.logins.contain(seen.login)
}

fn of_instants(edges: &mut Edges, instants: &[Timestamp]) {
    for instant in instants.iter().map(|instant| instant.as_millis()) {
        edges.add(Edge::Early, instant < 1_000_000_000_000);
        edges.add(Edge::Last, instant >= Timestamp::MAX.as_millis() - 1);
    }
}

fn of_revision(edges: &mut Edges, revision: u64) {
    edges.add(Edge::Beyond16, revision >= 1 << 16);
    edges.add(Edge::Beyond32, revision >= 1 << 32);
    edges.add(Edge::Largest, revision >= (1 << 53) - 2);
}

fn of_sets(edges: &mut Edges, kinds: &Kinds, purposes: Purposes) {
    edges.add(Edge::FewPurposes, purposes != Purposes::ALL);
    if let Kinds::Only(kinds) = kinds {
        edges.add(Edge::NoKind, kinds.is_empty());
        edges.add(Edge::ManyKinds, kinds.len() >= 12);
        let distinct: HashSet<_> = kinds.iter().collect();
        edges.add(Edge::KindTwice, distinct.len() < kinds.len());
    }
}
