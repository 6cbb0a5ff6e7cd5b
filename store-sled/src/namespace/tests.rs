//! Tests the order of writes, one by one, as sled's log will contain them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hallpass_core::store::{Body, Era, RecordFilter};
use hallpass_core::{Device, Kind, LoginId, Purpose, Reason};

use super::*;

fn record(n: u8, subject: Option<&str>) -> Record {
    let at = |millis| Timestamp::from_millis(millis);
    Record {
        selector: Selector([n; 16]),
        subject: subject.map(|name| Subject::new(name).unwrap()),
        kind: Kind::SESSION,
        purpose: Purpose::Device,
        era: Era::FIRST,
        login: LoginId([n; 8]),
        created_at: at(u64::from(n)),
        updated_at: at(1_000),
        seen_at: at(1_000),
        expires_at: at(9_000),
        idle_at: Some(at(2_000)),
        purge_at: at(2_000),
        revoked: None,
        revision: Revision::FIRST,
        generation: 0,
        device: Device::default(),
        body: Body::new(vec![n; 20]).unwrap(),
    }
}

/// Runs `work`, and checks the invariant after each single write.
fn watched(work: impl FnOnce(&Namespace<'_>)) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(folder.path(), 1 << 20, Arc::default()).unwrap();
    let namespace = Namespace::new(&engine, "watched").unwrap();
    let mut events = namespace.tree.watch_prefix([]);
    work(&namespace);
    let mut there: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut writes = 0;
    while let Ok(event) = events.next_timeout(Duration::from_millis(20)) {
        match event {
            sled::Event::Insert { key, value } => drop(there.insert(key.to_vec(), value.to_vec())),
            sled::Event::Remove { key } => drop(there.remove(&*key)),
        }
        writes += 1;
        for (_, value) in there.iter().filter(|(key, _)| key[0] == keys::RECORD) {
            let record = Record::decode(value).unwrap();
            assert!(there.contains_key(&keys::due(&record)[..]), "write {writes}: not due");
            let listed = keys::of_subject(&record).is_none_or(|entry| there.contains_key(&entry[..]));
            assert!(listed, "write {writes}: not in its subject's list");
        }
    }
    let records = there.iter().filter(|(key, _)| key[0] == keys::RECORD);
    let records: Vec<_> = records.map(|(_, value)| Record::decode(value).unwrap()).collect();
    let demanded = records.len() + records.iter().filter(|record| record.subject.is_some()).count();
    let entries = there.keys().filter(|key| key[0] == keys::DUE || key[0] == keys::OF_SUBJECT).count();
    assert_eq!(entries, demanded, "at rest no entry is left over");
    writes
}

#[test]
fn a_record_has_its_entries_at_every_point_of_the_log() {
    let now = Timestamp::from_millis(3_000);
    let alice = Subject::new("alice").unwrap();
    let writes = watched(|namespace| {
        for n in 1..=8 {
            let mut record = record(n, (n % 4 != 0).then_some("alice"));
            if n >= 6 {
                record.purpose = Purpose::Key;
            }
            assert!(namespace.insert(&record, Fence::None).unwrap().value.is_inserted());
            let mut next = record.clone();
            next.revision = record.revision.next();
            next.purge_at = Timestamp::from_millis(2_000 + u64::from(n));
            assert_eq!(
                namespace.replace(&next, record.revision, true, false).unwrap().value,
                Replace::Replaced
            );
        }
        assert!(namespace.delete(Selector([1; 16])).unwrap().value);
        assert!(namespace.delete(Selector([4; 16])).unwrap().value);
        let one = RecordFilter::login(LoginId([2; 8]));
        let mark = Action::Mark { reason: Reason::LoggedOut, at: now };
        assert_eq!(namespace.revoke_by_subject(&alice, &Revocation::new(one, mark)).unwrap().value, 1);
        let devices = RecordFilter::all().purposes(Purpose::Device);
        let epoch = EpochUpdate::Set { epoch: Epoch([1; 16]), now, keep: Duration::ZERO };
        let remove = Revocation::new(devices, Action::Remove).epoch(epoch);
        assert_eq!(namespace.revoke_by_subject(&alice, &remove).unwrap().value, 3);
        let purged = namespace.purge_expired(Timestamp::from_millis(2_007), 10).unwrap().value;
        assert_eq!((purged.removed, purged.more), (2, false));
    });
    assert!(writes > 60, "{writes} writes seen");
}
