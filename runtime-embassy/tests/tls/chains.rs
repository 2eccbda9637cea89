//! Which chains of certificates are believed, and why others are not.

use larkwire_core::UnixMillis;
use larkwire_embassy::{TlsFault, Trust};
use rcgen::{
    BasicConstraints, CustomExtension, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, NameConstraints,
    date_time_ymd,
};
use ring::digest::{SHA256, digest};

use crate::pki::*;

#[test]
fn a_server_certificate_leads_to_its_root_over_any_number_of_intermediates_in_any_order() {
    let root = root("Root");
    let (one, stranger) = (root.authority("One"), common_root().authority("Stranger"));
    let (two, leaf) = (one.authority("Two"), root.server());
    let (under_one, under_two) = (one.server(), two.server());
    for chain in [
        &[&leaf][..],
        &[&leaf, &root],
        &[&leaf, &stranger],
        &[&under_one, &one],
        &[&under_one, &one, &root],
        &[&under_one, &root, &one],
        &[&under_one, &stranger, &one],
        &[&under_two, &two, &one],
        &[&under_two, &one, &two],
        &[&under_two, &root, &stranger, &one, &two],
        &[&under_two, &one, &two, &one, &two, &stranger, &stranger, &root],
    ] {
        assert_eq!(judge(&root, chain), Ok(()), "{} certificates", chain.len());
    }
    // An intermediate in place of a root, and a root among others.
    assert_eq!(judge(&one, &[&under_two, &two]), Ok(()));
    let other = crate::pki::root("Other");
    let roots = [&other.der[..], &common_root().der, &root.der];
    assert_eq!(Trust::Roots(&roots).judge(HOST, Some(NOW), &[&under_one.der, &one.der]), Ok(()));
}

#[test]
fn a_name_is_found_wherever_it_stands_in_the_list_and_a_wildcard_stands_for_one_label() {
    let root = common_root();
    let leaf = root.sign(server(&["a.test", "b.test", "c.test", HOST, "*.wild.test", "10.0.2.2"]));
    for (host, expected) in [
        (HOST, Ok(())),
        ("PLATFORM.test", Ok(())),
        ("platform.test.", Ok(())),
        ("a.test", Ok(())),
        ("x.wild.test", Ok(())),
        ("10.0.2.2", Ok(())),
        ("wild.test", Err(TlsFault::NameMismatch)),
        ("x.y.wild.test", Err(TlsFault::NameMismatch)),
        ("platform.test.evil.test", Err(TlsFault::NameMismatch)),
        ("xplatform.test", Err(TlsFault::NameMismatch)),
        ("10.0.2.3", Err(TlsFault::NameMismatch)),
        ("no host", Err(TlsFault::InvalidHost)),
        ("", Err(TlsFault::InvalidHost)),
    ] {
        assert_eq!(judge_as(root, host, &[&leaf]), expected, "{host}");
    }
    let long = format!("{}.{}.test", "a".repeat(63), "b".repeat(63));
    assert_eq!(judge_as(root, &long, &[&root.sign(server(&[&long]))]), Ok(()));
}

#[test]
fn a_name_that_is_no_alternative_name_is_refused() {
    let root = common_root();
    let common_name_only = |hosts: &[&str]| {
        let mut params = server(hosts);
        params.distinguished_name.push(DnType::CommonName, HOST);
        root.sign(params)
    };
    assert_eq!(judge(root, &[&common_name_only(&[])]), Err(TlsFault::NameMismatch));
    assert_eq!(judge(root, &[&common_name_only(&["other.test"])]), Err(TlsFault::NameMismatch));
}

#[test]
fn what_leads_to_no_trusted_root_is_refused() {
    let root = common_root();
    let stranger = crate::pki::root("Stranger");
    let intermediate = root.authority("Intermediate");
    assert_eq!(judge(root, &[&stranger.server()]), Err(TlsFault::UnknownIssuer));
    assert_eq!(judge(root, &[&stranger.server(), &stranger]), Err(TlsFault::UnknownIssuer));
    assert_eq!(judge(root, &[&intermediate.server()]), Err(TlsFault::UnknownIssuer));
    assert_eq!(judge(root, &[]), Err(TlsFault::NotAuthenticated));
    assert_eq!(Trust::Roots(&[]).judge(HOST, Some(NOW), &[&root.server().der]), Err(TlsFault::UnknownIssuer));
    // The same name makes no root.
    let namesake = crate::pki::root("Root");
    assert_eq!(judge(root, &[&namesake.server(), &namesake]), Err(TlsFault::BadSignature));
    // One's own signature makes none either.
    let own = rcgen::KeyPair::generate().unwrap();
    let own = server(&[HOST]).self_signed(&own).unwrap().der().to_vec();
    assert_eq!(Trust::Roots(&[&root.der]).judge(HOST, Some(NOW), &[&own]), Err(TlsFault::UnknownIssuer));
}

#[test]
fn a_day_before_the_first_or_after_the_last_is_refused_also_in_an_intermediate() {
    let root = common_root();
    let tweak = |from: i32, to: i32| {
        move |params: &mut rcgen::CertificateParams| {
            (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        }
    };
    for (from, to, fault) in [(2025, 2026, TlsFault::Expired), (2027, 2028, TlsFault::NotYetValid)] {
        assert_eq!(judge(root, &[&root.server_with(tweak(from, to))]), Err(fault));
        let intermediate = root.authority_with("Intermediate", tweak(from, to));
        assert_eq!(judge(root, &[&intermediate.server(), &intermediate]), Err(fault));
    }
    let leaf = root.server();
    let on = |unix| Trust::Roots(&[&root.der]).judge(HOST, unix, &[&leaf.der]);
    assert_eq!(on(None), Err(TlsFault::NoClock));
    assert_eq!(on(Some(UnixMillis(0))), Err(TlsFault::NotYetValid));
    assert_eq!(on(Some(UnixMillis(u64::MAX))), Err(TlsFault::Expired));
    let (first, last) = (1_767_225_600_000, 1_798_761_600_000);
    for (unix, expected) in [
        (first - 1, Err(TlsFault::NotYetValid)),
        (first, Ok(())),
        (last, Ok(())),
        (last + 1000, Err(TlsFault::Expired)),
    ] {
        assert_eq!(on(Some(UnixMillis(unix))), expected, "{unix}");
    }
}

#[test]
fn a_certificate_that_may_not_issue_is_refused_as_issuer() {
    let root = common_root();
    let (leaf, leaf_that_says_so) = (root.server(), root.server_with(|params| params.is_ca = IsCa::ExplicitNoCa));
    for issuer in [&leaf, &leaf_that_says_so] {
        assert_eq!(judge(root, &[&issuer.server(), issuer]), Err(TlsFault::NotAnIssuer));
    }
    let unsaid = root.authority_with("Unsaid", |params| params.is_ca = IsCa::NoCa);
    assert_eq!(judge(root, &[&unsaid.server(), &unsaid]), Err(TlsFault::NotAnIssuer));
    // An issuer with a leaf as issuer below a good one.
    let good = root.authority("Good");
    let bad = good.server();
    assert_eq!(judge(root, &[&bad.server(), &bad, &good]), Err(TlsFault::NotAnIssuer));
}

#[test]
fn more_issuers_than_an_issuer_allows_are_refused() {
    let root = common_root();
    let bounded = |most| {
        move |params: &mut rcgen::CertificateParams| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(most))
    };
    let (none, one) = (root.authority_with("None", bounded(0)), root.authority_with("One", bounded(1)));
    assert_eq!(judge(root, &[&none.server(), &none]), Ok(()));
    let (below_none, below_one) = (none.authority("Below"), one.authority("Below"));
    assert_eq!(judge(root, &[&below_none.server(), &below_none, &none]), Err(TlsFault::NotAnIssuer));
    assert_eq!(judge(root, &[&below_one.server(), &below_one, &one]), Ok(()));
    let twice = below_one.authority("Twice");
    assert_eq!(judge(root, &[&twice.server(), &twice, &below_one, &one]), Err(TlsFault::NotAnIssuer));
}

#[test]
fn a_certificate_for_clients_is_refused_also_as_issuer() {
    let root = common_root();
    let usages = |usages: &[ExtendedKeyUsagePurpose]| {
        let usages = usages.to_vec();
        move |params: &mut rcgen::CertificateParams| params.extended_key_usages = usages
    };
    let (client, server) = (ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth);
    let for_clients = std::slice::from_ref(&client);
    assert_eq!(judge(root, &[&root.server_with(usages(for_clients))]), Err(TlsFault::NotForServers));
    let issuer = root.authority_with("Clients", usages(for_clients));
    assert_eq!(judge(root, &[&issuer.server(), &issuer]), Err(TlsFault::NotForServers));
    let both = [client, server];
    let issuer = root.authority_with("Both", usages(&both));
    assert_eq!(judge(root, &[&issuer.server_with(usages(&both)), &issuer]), Ok(()));
    // A root in the server's place.
    let authority =
        root.authority_with(HOST, |params| params.subject_alt_names = crate::pki::server(&[HOST]).subject_alt_names);
    assert_eq!(judge(root, &[&authority]), Err(TlsFault::NotForServers));
}

#[test]
fn a_name_that_an_issuer_must_not_give_is_refused() {
    let root = common_root();
    let constrained = |permitted: &[&str], excluded: &[&str]| {
        let trees = |names: &[&str]| names.iter().map(|name| GeneralSubtree::DnsName((*name).to_owned())).collect();
        let constraints = NameConstraints { permitted_subtrees: trees(permitted), excluded_subtrees: trees(excluded) };
        root.authority_with("Constrained", |params| params.name_constraints = Some(constraints))
    };
    for (permitted, excluded, expected) in [
        (&["test"][..], &[][..], Ok(())),
        (&["other.test"], &[], Err(TlsFault::NameNotPermitted)),
        (&[], &["platform.test"], Err(TlsFault::NameNotPermitted)),
        (&[], &["other.test"], Ok(())),
    ] {
        let issuer = constrained(permitted, excluded);
        assert_eq!(judge(root, &[&issuer.server(), &issuer]), expected, "{permitted:?} {excluded:?}");
        let below = issuer.authority("Below");
        assert_eq!(judge(root, &[&below.server(), &below, &issuer]), expected, "{permitted:?} {excluded:?}");
    }
}

#[test]
fn an_unknown_critical_extension_is_refused_and_another_unknown_one_is_not() {
    let root = common_root();
    let extension = |critical| {
        move |params: &mut rcgen::CertificateParams| {
            let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
            extension.set_criticality(critical);
            params.custom_extensions.push(extension);
        }
    };
    assert_eq!(judge(root, &[&root.server_with(extension(false))]), Ok(()));
    assert_eq!(judge(root, &[&root.server_with(extension(true))]), Err(TlsFault::MalformedCertificate));
    let issuer = root.authority_with("Odd", extension(true));
    assert!(judge(root, &[&issuer.server(), &issuer]).is_err());
}

#[test]
fn a_damaged_signature_is_refused_wherever_it_stands() {
    let root = common_root();
    assert_eq!(judge(root, &[&root.server().damaged()]), Err(TlsFault::BadSignature));
    let issuer = root.authority("Issuer").damaged();
    assert_eq!(judge(root, &[&issuer.server(), &issuer]), Err(TlsFault::BadSignature));
    let issuer = root.authority("Issuer");
    assert_eq!(judge(root, &[&issuer.server().damaged(), &issuer]), Err(TlsFault::BadSignature));
}

#[test]
fn bytes_that_are_no_certificate_are_refused_and_never_a_panic() {
    let root = common_root();
    let leaf = root.server();
    let roots = [&root.der[..]];
    let judge = |chain: &[&[u8]]| Trust::Roots(&roots).judge(HOST, Some(NOW), chain);
    for len in 0..leaf.der.len() {
        assert!(judge(&[&leaf.der[..len]]).is_err(), "{len}");
        assert!(judge(&[&leaf.der, &leaf.der[..len]]).is_ok(), "{len}");
    }
    for at in 0..leaf.der.len() {
        let mut bytes = leaf.der.clone();
        bytes[at] ^= 0x81;
        assert!(judge(&[&bytes]).is_err(), "{at}");
    }
    assert_eq!(judge(&[&[&leaf.der[..], &[0]].concat()]), Err(TlsFault::MalformedCertificate));
    assert_eq!(Trust::Roots(&[b"no root"]).judge(HOST, Some(NOW), &[&leaf.der]), Err(TlsFault::UnusableRoot));
}

#[test]
fn more_than_eight_certificates_are_refused() {
    let root = common_root();
    let leaf = root.server();
    for (count, expected) in [
        (8, Ok(())),
        (9, Err(TlsFault::TooManyCertificates)),
        (16, Err(TlsFault::TooManyCertificates)),
        (30, Err(TlsFault::TooManyCertificates)),
    ] {
        assert_eq!(judge(root, &vec![&leaf; count]), expected, "{count}");
    }
}

#[test]
fn a_tangle_of_issuers_of_one_name_is_given_up() {
    // Each of them may have signed each other one, and the root as well.
    let root = common_root();
    let tangle: Vec<_> = (0..7).map(|_| crate::pki::root("Root")).collect();
    let leaf = tangle[0].server();
    let chain: Vec<_> = std::iter::once(&leaf).chain(&tangle).collect();
    assert_eq!(judge(root, &chain), Err(TlsFault::ChainTooTangled));
}

#[test]
fn a_pin_lets_in_whoever_has_its_key_and_nobody_else() {
    let root = common_root();
    let leaf = root.server_with(|params| params.not_after = date_time_ymd(2026, 2, 1));
    let pin = |certificate: &Signed| -> [u8; 32] {
        let spki = rcgen::PublicKeyData::subject_public_key_info(&certificate.key);
        digest(&SHA256, &spki).as_ref().try_into().unwrap()
    };
    let (pins, others) = ([pin(root), pin(&leaf)], [pin(root)]);
    // Neither name nor day nor issuer counts.
    for (host, unix) in [(HOST, Some(NOW)), ("gateway", None), ("10.0.0.1", Some(UnixMillis(0)))] {
        assert_eq!(Trust::Pins(&pins).judge(host, unix, &[&leaf.der]), Ok(()));
        assert_eq!(Trust::Pins(&others).judge(host, unix, &[&leaf.der]), Err(TlsFault::NotPinned));
    }
    // The pinned certificate must be the server's own.
    assert_eq!(Trust::Pins(&others).judge(HOST, Some(NOW), &[&leaf.der, &root.der]), Err(TlsFault::NotPinned));
    assert_eq!(Trust::Pins(&[]).judge(HOST, Some(NOW), &[&leaf.der]), Err(TlsFault::NotPinned));
    assert_eq!(Trust::Pins(&pins).judge(HOST, Some(NOW), &[]), Err(TlsFault::NotAuthenticated));
    assert_eq!(Trust::Pins(&pins).judge(HOST, Some(NOW), &[b"x"]), Err(TlsFault::MalformedCertificate));
}

#[test]
fn p384_is_believed_where_it_is_switched_on() {
    let p384 = || rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let root = root_of("P-384", p384());
    let (leaf, intermediate) = (root.server(), root.sign_for(authority("Intermediate"), p384()));
    let below = intermediate.sign_for(server(&[HOST]), p384());
    let expected = |good| if cfg!(feature = "tls-p384") { good } else { Err(TlsFault::UnsupportedAlgorithm) };
    assert_eq!(judge(&root, &[&leaf]), expected(Ok(())));
    assert_eq!(judge(&root, &[&below, &intermediate]), expected(Ok(())));
    assert_eq!(judge(&root, &[&root.server().damaged()]), expected(Err(TlsFault::BadSignature)));
}

#[cfg(feature = "tls-rsa")]
#[test]
fn rsa_is_believed_with_every_hash() {
    for algorithm in [&rcgen::PKCS_RSA_SHA256, &rcgen::PKCS_RSA_SHA384, &rcgen::PKCS_RSA_SHA512] {
        let root = root_of("RSA", rsa_key(4096, algorithm));
        let intermediate = root.sign_for(authority("Intermediate"), rsa_key(3072, algorithm));
        let leaf = intermediate.sign_for(server(&[HOST]), rsa_key(2048, algorithm));
        assert_eq!(judge(&root, &[&leaf, &intermediate]), Ok(()));
        assert_eq!(judge(&root, &[&leaf.damaged(), &intermediate]), Err(TlsFault::BadSignature));
        assert_eq!(judge(&root, &[&root.server()]), Ok(()));
        // The same name with another key.
        let namesake = root_of("RSA", rsa_key(2048, algorithm));
        assert_eq!(judge(&root, &[&namesake.server()]), Err(TlsFault::BadSignature));
    }
}

#[cfg(not(feature = "tls-rsa"))]
#[test]
fn rsa_is_refused_by_name_where_it_is_not_switched_on() {
    let path = format!("{}/tests/tls/data/rsa-2048.der", env!("CARGO_MANIFEST_DIR"));
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(std::fs::read(path).unwrap());
    let key = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&key, &rcgen::PKCS_RSA_SHA256).unwrap();
    let root = root_of("RSA", key);
    assert_eq!(judge(&root, &[&root.server()]), Err(TlsFault::UnsupportedAlgorithm));
}
