//! The authorities of Amazon RDS that the image carries.

use std::fs;

use x509_parser::pem::Pem;
use x509_parser::time::ASN1Time;

const BUNDLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/certs/rds-eu-central-1.pem");

#[test]
fn every_authority_of_rds_is_one_and_has_not_expired() {
    let bundle = fs::read(BUNDLE).unwrap();
    let mut names = Vec::new();
    for pem in Pem::iter_from_buffer(&bundle) {
        let pem = pem.unwrap();
        let certificate = pem.parse_x509().unwrap();
        let name = certificate.subject().iter_common_name().next().unwrap();
        let name = name.as_str().unwrap().to_owned();
        assert!(certificate.is_ca(), "{name}");
        let left = certificate.validity().not_after - ASN1Time::now();
        let left = left.unwrap_or_else(|| panic!("{name} has expired: see app/README.md"));
        let days = left.whole_days();
        assert!(
            days > 365,
            "{name} expires in {days} days: see app/README.md"
        );
        names.push(name);
    }
    assert_eq!(
        names,
        [
            "Amazon RDS eu-central-1 Root CA ECC384 G1",
            "Amazon RDS eu-central-1 Root CA RSA2048 G1",
            "Amazon RDS eu-central-1 Root CA RSA4096 G1",
        ]
    );
}
