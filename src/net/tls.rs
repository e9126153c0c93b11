//! Whom to trust: the system's certificates, or those of a bundle.

#[cfg(feature = "s3")]
use std::path::PathBuf;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
#[cfg(feature = "s3")]
use rustls_pki_types::{CertificateDer, pem::PemObject as _};

#[cfg(feature = "s3")]
use crate::bounded;
#[cfg(feature = "s3")]
use crate::error::{Fatal, start};

/// The bytes that a bundle may have: all certificates of all public authorities take less than a megabyte.
pub(crate) const BUNDLE: u64 = 16 << 20;

/// Returns the certificates to trust in place of the system's.
#[cfg(feature = "s3")]
pub(crate) fn ca_bundle(named: Option<PathBuf>) -> Result<Option<Vec<u8>>, Fatal> {
    let from_environment =
        || std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()).map(PathBuf::from);
    let Some(path) = named.or_else(from_environment) else { return Ok(None) };
    let pem = bounded::file(&path, BUNDLE)
        .map_err(|error| start(format!("cannot read the CA bundle {}: {error}", path.display())))?;
    check_certificates(&pem)
        .map_err(|why| start(format!("cannot use the CA bundle {}: {why}", path.display())))?;
    Ok(Some(pem))
}

/// Returns the TLS configuration of roottrail's own clients, which trusts these certificates, or the system's.
#[cfg(feature = "s3")]
pub(crate) fn tls_config(pem: Option<&[u8]>) -> Result<ClientConfig, Fatal> {
    let roots = match pem {
        Some(pem) => {
            let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
                .collect::<Result<_, _>>()
                .map_err(|error| start(format!("cannot use the CA bundle: {error}")))?;
            let mut roots = RootCertStore::empty();
            // A bundle has been checked.
            roots.add_parsable_certificates(certificates);
            roots
        }
        None => system_roots(),
    };
    config(roots).map_err(|error| start(format!("cannot set up TLS: {error}")))
}

/// Returns the system's certificates. Systems carry a few that no library reads.
pub(crate) fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// Returns a TLS configuration without client certificates.
pub(crate) fn config(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Checks that every certificate can be read: the HTTP client panics on an unreadable one.
#[cfg(feature = "s3")]
fn check_certificates(pem: &[u8]) -> Result<(), String> {
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        webpki::anchor_from_trusted_cert(&certificate)
            .map_err(|error| format!("certificate {}: {error}", count + 1))?;
        count += 1;
    }
    if count == 0 { Err("it holds no certificate".to_owned()) } else { Ok(()) }
}

#[cfg(all(test, feature = "s3"))]
mod tests {
    use super::*;

    #[test]
    fn a_bad_ca_bundle_is_named() {
        assert_eq!(check_certificates(b"not a certificate"), Err("it holds no certificate".into()));
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(check_certificates(broken).is_err());
    }
}
