use super::record::Recording;
use super::*;
use crate::detect::catalogue::Catalogue;
use crate::finding::fingerprint::KeySettings;
use crate::report::fixture;
use crate::report::model::{ImageResult, SourceKind, VerificationStatus};

fn key(digit: char) -> FingerprintKey {
    let value = Some(zeroize::Zeroizing::new(String::from(digit).repeat(42) + "A"));
    FingerprintKey::load(&KeySettings { value, ..KeySettings::default() }).expect("a key")
}

/// An image of a registry with the fixture's findings.
fn image(tag: &str, digest: char) -> ImageResult {
    let mut result = fixture::rich().results.remove(0);
    result.source = SourceKind::Registry;
    result.reference = Some(format!("registry.example/team/shop:{tag}"));
    result.manifest_digest = Some(format!("sha256:{}", String::from(digest).repeat(64)));
    result.complete = true;
    result.suppressed.clear();
    result
}

struct Case {
    folder: tempfile::TempDir,
    catalogue: Catalogue,
}

impl Case {
    fn new() -> Self {
        let catalogue = Catalogue::embedded().expect("the catalogue");
        Self { folder: tempfile::tempdir().expect("a folder"), catalogue }
    }

    fn inventory(&self) -> Inventory {
        Inventory::to_record(self.folder.path(), &key('A')).expect("opened").expect("an inventory")
    }

    fn at(&self, at: i64) -> Recording<'_> {
        Recording { at, narrowed: false, catalogue: &self.catalogue }
    }
}

#[test]
fn a_key_of_one_run_has_no_inventory() {
    let case = Case::new();
    let key = FingerprintKey::from_bytes([1; 32]);
    assert!(Inventory::to_record(case.folder.path(), &key).expect("no error").is_none());
    assert!(!path(case.folder.path()).exists());
}

#[test]
fn times_are_the_first_and_the_last() {
    let case = Case::new();
    for at in [500, 300, 900] {
        case.inventory().record(&[image("1", 'a')], &case.at(at)).expect("recorded");
    }
    let inventory = case.inventory();
    let fingerprint = &image("1", 'a').findings[0].fingerprint;
    let held = inventory.holders(fingerprint, usize::MAX).expect("read").remove(0);
    assert_eq!((held.key.first_seen, held.key.last_seen), (300, 900));
    assert_eq!((held.images.len(), held.images[0].tags[0].first_seen), (1, 300));
}

#[test]
fn a_whole_scan_takes_away_what_better_rules_no_longer_find() {
    let case = Case::new();
    let full = image("1", 'a');
    let fingerprint = full.findings[0].fingerprint.clone();
    let mut without = full.clone();
    without.findings.clear();
    let held = || {
        case.inventory()
            .holders(&fingerprint, usize::MAX)
            .expect("read")
            .first()
            .map_or(0, |held| held.images.len())
    };
    case.inventory().record(&[full], &case.at(100)).expect("recorded");
    let narrowed = Recording { narrowed: true, ..case.at(200) };
    case.inventory().record(std::slice::from_ref(&without), &narrowed).expect("recorded");
    assert_eq!(held(), 1, "a narrowed scan says nothing of it");
    let cut = ImageResult { complete: false, ..without.clone() };
    case.inventory().record(&[cut], &case.at(300)).expect("recorded");
    assert_eq!(held(), 1, "nor does one that is incomplete");
    case.inventory().record(&[without], &case.at(400)).expect("recorded");
    assert_eq!(held(), 0);
}

#[test]
fn a_tag_leads_to_one_image_of_each_platform() {
    let case = Case::new();
    let of_index = |digest, index: char| ImageResult {
        index_digest: Some(format!("sha256:{}", String::from(index).repeat(64))),
        ..image("1", digest)
    };
    let inventory = case.inventory();
    inventory.record(&[of_index('a', '1'), of_index('b', '1')], &case.at(100)).expect("recorded");
    inventory.record(&[of_index('c', '2')], &case.at(200)).expect("recorded");
    let fingerprint = &image("1", 'a').findings[0].fingerprint;
    let held = inventory.holders(fingerprint, usize::MAX).expect("read").remove(0);
    let mut until: Vec<(char, i64)> = held
        .images
        .iter()
        .map(|image| (image.digest.chars().last().unwrap_or(' '), image.tags[0].until))
        .collect();
    until.sort_unstable();
    assert_eq!(until, [('a', 200), ('b', 200), ('c', 0)]);
    assert_eq!(held.tags(), Some(1));
}

#[test]
fn an_error_in_the_middle_leaves_nothing_behind() {
    let case = Case::new();
    let inventory = case.inventory();
    let failed: Result<(), InventoryError> = inventory.database.transaction(|| {
        let text = |text: &str| rusqlite::types::Value::Text(text.to_owned());
        inventory.database.put(&schema::IMPORT, &[7.into(), text("a"), text("b"), 1.into(), 1.into()])?;
        Err(rusqlite::Error::InvalidQuery)
    });
    assert!(failed.is_err());
    let count = |sql: &str| inventory.database.connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    assert_eq!(count("SELECT count(*) FROM import"), Ok(0));
}

#[test]
fn what_a_service_said_of_a_key_stays_until_it_is_asked_again() {
    let case = Case::new();
    let mut result = image("1", 'a');
    let fingerprint = result.findings[0].fingerprint.clone();
    let status = || {
        let held = case.inventory().holders(&fingerprint, usize::MAX).expect("read").remove(0);
        (held.key.status, held.key.asked_at)
    };
    for (status, at) in [
        (VerificationStatus::Unverified, 100),
        (VerificationStatus::Live, 200),
        (VerificationStatus::Unverified, 300),
        (VerificationStatus::Unknown, 350),
    ] {
        result.findings[0].verification.status = status;
        case.inventory().record(std::slice::from_ref(&result), &case.at(at)).expect("recorded");
    }
    assert_eq!(status(), ("live".to_owned(), 200));
    result.findings[0].verification.status = VerificationStatus::Dead;
    case.inventory().record(&[result], &case.at(400)).expect("recorded");
    assert_eq!(status(), ("dead".to_owned(), 400));
}

#[test]
fn of_a_key_in_many_images_those_that_are_asked_for_are_read_and_all_are_counted() {
    let case = Case::new();
    let images: Vec<ImageResult> =
        "0123456789abcdef".chars().enumerate().map(|(tag, digest)| image(&tag.to_string(), digest)).collect();
    case.inventory().record(&images, &case.at(100)).expect("recorded");
    let held =
        |most| case.inventory().holders(&images[0].findings[0].fingerprint, most).expect("read").remove(0);
    let few = held(3);
    assert_eq!((few.images.len(), few.images_total, few.repositories, few.tags()), (3, 16, 1, None));
    assert_eq!((held(usize::MAX).images.len(), held(usize::MAX).tags()), (16, Some(16)));
    assert!(few.images.iter().all(|image| image.place == Some(0) && image.tags.len() == 1));
}
