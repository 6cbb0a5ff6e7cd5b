//! Properties of records and bodies as bytes: what was written is read back, and nothing else is accepted.

use hallpass_core::store::{Body, Era, Fence, Record, Revision, TokenStore};
use hallpass_core::{
    Authentication, Denied, Device, Failure, KeyId, Keyring, Kind, LoginId, MemoryStore, Purpose, Reason,
    Selector, Stamp, Subject, Timestamp, Tokens, danger,
};
use proptest::prelude::*;

use crate::block_on;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_record_survives_its_bytes(record in any_record()) {
        prop_assert_eq!(Record::decode(&record.encode()), Ok(record));
    }

    #[test]
    fn every_truncation_and_every_extension_is_an_error(record in any_record(), more in any::<u8>()) {
        let bytes = record.encode();
        for len in 0..bytes.len() {
            prop_assert!(Record::decode(&bytes[..len]).is_err(), "{} of {} bytes", len, bytes.len());
        }
        prop_assert!(Record::decode(&[&bytes[..], &[more]].concat()).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_an_error_or_written_the_same_way(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        faithful(&bytes)?;
    }

    #[test]
    fn so_are_the_bytes_of_a_record_after_changes(
        record in any_record(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = record.encode();
        for (at, with) in changes {
            let at = at.index(bytes.len());
            bytes[at] = with;
        }
        faithful(&bytes)?;
    }

    #[test]
    fn so_are_the_fixed_fields_of_a_record_one_by_one(record in any_record(), at in 0..97_usize) {
        let bytes = record.encode();
        for with in 0..=u8::MAX {
            let mut bytes = bytes.clone();
            bytes[at] = with;
            faithful(&bytes)?;
        }
    }

    #[test]
    fn a_body_has_one_limit(len in prop_oneof![0..200_usize, Body::MAX_LEN - 2..Body::MAX_LEN + 3]) {
        let body = Body::new(vec![7; len]);
        prop_assert_eq!(body.is_ok(), len <= Body::MAX_LEN);
        if let Ok(body) = body {
            prop_assert_eq!(body.as_bytes(), vec![7; len]);
        }
    }

    /// Only the service decodes a body, because it belongs to core. A changed body is a failure, a verdict, or (if
    /// only data or times were changed) still valid; never a panic, and never another record's data.
    #[test]
    fn a_changed_body_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        keyed in any::<bool>(),
        rotated in any::<bool>(),
        ask in any::<bool>(),
    ) {
        let (text, record) = issued(keyed, rotated);
        let mut bytes = record.body.as_bytes().to_vec();
        for (at, with) in changes {
            let at = at.index(bytes.len());
            bytes[at] = with;
        }
        let outcome = present(&text, &Record { body: Body::new(bytes).unwrap(), ..record }, ask);
        let told = matches!(outcome, Ok(_) | Err(Failure::Corrupt { .. } | Failure::UnknownKey(_) | Failure::StampRequired));
        prop_assert!(told, "{outcome:?}");
    }

    #[test]
    fn a_body_cut_short_is_corrupt(keyed in any::<bool>(), rotated in any::<bool>(), cut in any::<prop::sample::Index>()) {
        let (text, record) = issued(keyed, rotated);
        let fixed = record.body.as_bytes().len() - DATA.len();
        let bytes = record.body.as_bytes()[..cut.index(fixed)].to_vec();
        let outcome = present(&text, &Record { body: Body::new(bytes).unwrap(), ..record }, true);
        let corrupt = matches!(outcome, Err(Failure::Corrupt { .. }));
        prop_assert!(corrupt, "{outcome:?}");
    }
}

/// Another version, and flags that no version wrote: a nonce without a rotation.
#[test]
fn a_body_of_another_time_is_corrupt() {
    let (text, record) = issued(true, true);
    let others = (0..=u8::MAX).filter(|version| *version != 1).map(|version| (0, version));
    let flags = (0..=u8::MAX).filter(|flags| flags & 12 == 8).map(|flags| (1, flags));
    for (at, with) in others.chain(flags) {
        let mut bytes = record.body.as_bytes().to_vec();
        bytes[at] = with;
        let record = Record { body: Body::new(bytes).unwrap(), ..record.clone() };
        let outcome = present(&text, &record, false);
        assert!(matches!(outcome, Err(Failure::Corrupt { .. })), "{with} at {at}: {outcome:?}");
    }
}

const DATA: &[u8] = b"some data";

fn faithful(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(record) = Record::decode(bytes) {
        prop_assert_eq!(record.encode(), bytes);
    }
    Ok(())
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        Just(0),
        Just(Timestamp::MAX.as_millis()),
        0..Timestamp::MAX.as_millis(),
        1_700_000_000_000..1_800_000_000_000_u64
    ]
    .prop_map(Timestamp::from_millis)
}

fn any_record() -> impl Strategy<Value = Record> {
    let texts = (
        prop::option::of("[^\0]{1,60}"),
        "[a-z0-9:-]{1,32}",
        "[^\0]{0,120}",
        prop::collection::vec(any::<u8>(), 0..200),
    );
    let times = (any_time(), any_time(), any_time(), any_time(), prop::option::of(any_time()), any_time());
    let ids = (any::<[u8; 16]>(), any::<[u8; 8]>(), 1..=Revision::MAX.get(), any::<u32>());
    let reason = prop::option::of(prop::sample::select(&Reason::ALL[..]));
    let purpose = (prop::sample::select(&Purpose::ALL[..]), any::<u32>());
    (texts, times, ids, reason, purpose).prop_map(|(texts, times, ids, revoked, (purpose, era))| {
        let (subject, kind, device, body) = texts;
        let (created_at, updated_at, seen_at, expires_at, idle_at, purge_at) = times;
        let (selector, login, revision, generation) = ids;
        Record {
            selector: Selector(selector),
            subject: subject.map(|subject| Subject::new(subject).unwrap()),
            kind: Kind::new(&kind).unwrap(),
            purpose,
            login: LoginId(login),
            era: Era::new(era),
            created_at,
            updated_at,
            seen_at,
            expires_at,
            idle_at,
            purge_at,
            revoked,
            revision: Revision::new(revision).unwrap(),
            generation,
            device: Device::new(device).unwrap(),
            body: Body::new(body).unwrap(),
        }
    })
}

/// Makes a token, keyed or not, rotated or not, and returns it with its record.
fn issued(keyed: bool, rotated: bool) -> (String, Record) {
    block_on(async {
        let store = MemoryStore::new();
        let mut builder = Tokens::builder(store.clone());
        if keyed {
            builder = builder.keyring(Keyring::new(KeyId::new(1).unwrap(), &[1; 32]).unwrap());
        }
        let tokens = builder.build().unwrap();
        let login = tokens.begin_anonymous().unwrap();
        let stamp = Stamp::of("hash");
        let issued = tokens.issue(&login, Kind::REMEMBER).stamp(stamp).data(DATA.to_vec());
        let how = Authentication::new().method("pwd").level("aal1");
        let issued = issued.binding([7; 32]).authentication(how).await.unwrap();
        if rotated {
            let candidate = tokens.look_up(Kind::REMEMBER, issued.token.expose()).await.unwrap();
            candidate.verify_and_rotate(Some(&stamp)).await.unwrap();
        }
        let record = store.find(issued.token.selector()).await.unwrap().unwrap();
        (issued.token.expose().to_owned(), record)
    })
}

/// Presents the token to a service that finds this record instead of the original.
fn present(text: &str, record: &Record, rotate: bool) -> Result<bool, Failure> {
    block_on(async {
        let store = MemoryStore::new();
        assert!(store.insert(record, Fence::None).await.unwrap().is_inserted());
        let key = Keyring::new(KeyId::new(1).unwrap(), &[1; 32]).unwrap();
        let key = danger::accept_unkeyed_until(key, Timestamp::MAX);
        let tokens = Tokens::builder(store).keyring(key).build().unwrap();
        let stamp = Stamp::of("hash");
        let judged = match tokens.look_up(Kind::REMEMBER, text).await {
            Ok(candidate) if rotate => candidate.verify_and_rotate(Some(&stamp)).await,
            Ok(candidate) => candidate.verify(Some(&stamp)).await,
            Err(denied) => Err(denied),
        };
        match judged {
            Ok(_) => Ok(true),
            Err(Denied::Rejected(_)) => Ok(false),
            Err(Denied::Failed(failure)) => Err(failure),
        }
    })
}
