//! DNS and certificates, asked of servers of our own: what they answer, and every way in which they do not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sayso::domain::OutcomeStatus;
use sayso::integrations::Builtins;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;

use crate::common::{Parts, Rig};

/// The types of records, by number.
const A: u16 = 1;
const NS: u16 = 2;
const CNAME: u16 = 5;
const MX: u16 = 15;
const TXT: u16 = 16;
const AAAA: u16 = 28;

fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').flat_map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat());
    labels.chain([0]).collect()
}

/// A type, and what such a record holds.
type Record = (u16, Vec<u8>);

/// The code of the answer and its records, or silence.
fn zone(name: &str, kind: u16) -> Option<(u8, Vec<Record>)> {
    let here = || (A, vec![127, 0, 0, 1]);
    let text = |text: &[u8]| [&[u8::try_from(text.len()).unwrap()], text].concat();
    Some(match (name, kind) {
        ("silent.test", _) => return None,
        ("broken.test", _) => (2, vec![]),
        ("shop.test", A) => (0, vec![here()]),
        ("shop.test", AAAA) => (0, vec![(AAAA, vec![0; 15].into_iter().chain([1]).collect())]),
        ("shop.test", MX) => (0, vec![(MX, [vec![0, 10], wire("mx.shop.test")].concat())]),
        ("shop.test", NS) => (0, vec![(NS, wire("ns1.test")), (NS, wire("ns2.test"))]),
        ("shop.test", TXT) => (0, vec![(TXT, text(b"v=spf1 \x1b[31m{{ 7 * 7 }}\n@everyone -all"))]),
        ("www.shop.test", A | CNAME) => (0, vec![(CNAME, wire("shop.test"))]),
        ("shop.test" | "www.shop.test", _) => (0, vec![]),
        ("inside.test", A) => (0, vec![(A, vec![169, 254, 169, 254])]),
        ("xn--bcher-kva.test", A) => (0, vec![here()]),
        _ => (3, vec![]),
    })
}

/// A DNS server over UDP.
async fn dns() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 1_500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let end = 12 + buffer[12..length].iter().position(|byte| *byte == 0).unwrap() + 1;
            let mut labels = Vec::new();
            let mut at = 12;
            while buffer[at] != 0 {
                let after = at + 1 + usize::from(buffer[at]);
                labels.push(String::from_utf8_lossy(&buffer[at + 1..after]).into_owned());
                at = after;
            }
            let kind = u16::from_be_bytes([buffer[end], buffer[end + 1]]);
            let Some((code, records)) = zone(&labels.join("."), kind) else { continue };
            let count = u8::try_from(records.len()).unwrap();
            let mut answer =
                [&buffer[..2], &[0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0], &buffer[12..end + 4]].concat();
            for (kind, data) in records {
                answer.extend([0xc0, 12]);
                answer.extend(kind.to_be_bytes());
                answer.extend([0, 1, 0, 0, 0, 60]);
                answer.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
                answer.extend(data);
            }
            socket.send_to(&answer, from).await.unwrap();
        }
    });
    address
}

/// The shipped manifest, asking our DNS server, connecting to this machine, and trusting our authority.
fn rig(dns: SocketAddr, port: u16, ca: Option<&std::path::Path>) -> Rig {
    let ca = ca.map(|ca| format!("trust = \"{}\"", ca.display())).unwrap_or_default();
    let config = format!(
        "[integrations.network]\ndns_server = \"{dns}\"\nreach = [\"public\", \"private\", \"loopback\"]\nport = {port}\n{ca}"
    );
    let text = std::fs::read_to_string("integrations/network.toml").unwrap();
    let builtins = Builtins::of_this_machine();
    Parts { manifests: vec![("network", text)], config: &config, builtins, ..Parts::default() }.rig()
}

#[tokio::test]
async fn records_are_looked_up() {
    let rig = rig(dns().await, 443, None);
    for (line, summary, output) in [
        ("dns.lookup domain=shop.test", "shop.test has 2 records", "127.0.0.1"),
        ("dns.lookup domain=SHOP.test. record=a", "shop.test: 127.0.0.1", "1 min"),
        ("dns.lookup domain=shop.test record=aaaa", "shop.test: ::1", "AAAA"),
        ("dns.lookup domain=shop.test record=mx", "shop.test: 10 mx.shop.test.", "MX"),
        ("dns.lookup domain=shop.test record=ns", "shop.test has 2 records", "ns2.test."),
        ("dns.lookup domain=shop.test record=cname", "shop.test exists, and has no CNAME records", ""),
        ("dns.lookup domain=www.shop.test record=cname", "www.shop.test: shop.test.", "CNAME"),
        ("dns.lookup domain=nosuch.test", "nosuch.test does not exist (NXDOMAIN)", ""),
        ("dns.lookup domain=bücher.test record=a", "xn--bcher-kva.test: 127.0.0.1", ""),
    ] {
        let outcome = rig.run(line).await;
        assert_eq!((outcome.status, outcome.summary.as_str()), (OutcomeStatus::Succeeded, summary), "{line}");
        let told = outcome.output.unwrap_or_default();
        assert!(told.contains(output), "{line}: {told}");
    }
    // What a record says is data.
    let outcome = rig.run("dns.lookup domain=shop.test record=txt").await;
    assert!(outcome.summary.contains("{{ 7 * 7 }}"), "{}", outcome.summary);
    assert!(!outcome.summary.contains(['\u{1b}', '\n']), "{:?}", outcome.summary);
    let told = rig.told("dns.lookup domain=broken.test").await;
    assert_eq!(told, "failed: `network` is told `Server Failure` by the DNS server");
    let told = rig.told("dns.lookup domain=127.0.0.1").await;
    assert_eq!(told, "failed: `network` looks up names, and this is an address");
}

#[tokio::test]
async fn a_silent_dns_server_is_not_waited_for() {
    let rig = rig(dns().await, 443, None);
    let began = Instant::now();
    let told = rig.told("dns.lookup domain=silent.test record=a").await;
    assert_eq!(told, "failed: `network` got no answer from any DNS server in time");
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
}

/// A certificate for these names, good from one day to another, counted from today.
fn params(names: &[&str], from: i64, to: i64) -> CertificateParams {
    let day = |days: i64| {
        let date = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
        let date = date.to_zoned(jiff::tz::TimeZone::UTC).date();
        date_time_ymd(date.year().into(), date.month().try_into().unwrap(), date.day().try_into().unwrap())
    };
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    (params.not_before, params.not_after) = (day(from), day(to));
    params.distinguished_name.push(DnType::CommonName, "a shop");
    params
}

/// An authority, and its certificate in a file.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: tempfile::NamedTempFile,
}

impl Authority {
    fn new() -> Self {
        let mut params = params(&[], -100, 100);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority");
        let key = KeyPair::generate().unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        let base64 = std::process::Command::new("base64").arg("-w64").stdin(piped(&der)).output().unwrap();
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n",
            String::from_utf8_lossy(&base64.stdout)
        );
        std::fs::write(file.path(), pem).unwrap();
        Self { issuer: Issuer::new(params, key), file }
    }
}

/// Something to read.
fn piped(bytes: &[u8]) -> std::fs::File {
    use std::io::{Seek as _, Write as _};
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

/// A server that shows a certificate, signed by the authority or by itself.
async fn shows(params: CertificateParams, authority: Option<&Authority>) -> u16 {
    let key = KeyPair::generate().unwrap();
    let certificate = match authority {
        Some(authority) => params.signed_by(&key, &authority.issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                // Nothing may be sent once hands were shaken.
                assert_eq!(stream.read(&mut [0; 16]).await.unwrap_or(0), 0);
            }
        }
    })
    .await
}

/// A server that does this with each connection.
async fn serve<F: Future<Output = ()> + Send + 'static>(with: impl Fn(TcpStream) -> F + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(with(stream));
        }
    });
    port
}

#[tokio::test]
async fn certificates_are_told_good_and_bad() {
    let dns = dns().await;
    let authority = Authority::new();
    let ca = Some(authority.file.path());
    let good = shows(params(&["shop.test", "*.shop.test", "127.0.0.1"], -10, 40), Some(&authority)).await;
    let outcome = rig(dns, good, ca).run("certificate.check domain=shop.test").await;
    assert_eq!(outcome.status, OutcomeStatus::Succeeded);
    let said = "shop.test: the certificate is good for 39 more days, until ";
    assert!(outcome.summary.starts_with(said), "{}", outcome.summary);
    let told = outcome.output.unwrap();
    for part in [
        "for shop.test, *.shop.test, 127.0.0.1",
        "issuer CN=an authority",
        "(39 days left)",
        "shown by 127.0.0.1:",
        "over TLSv1_3",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    for name in ["www.shop.test", "127.0.0.1"] {
        let (summary, line) =
            (format!("{name}: the certificate is good for 39"), format!("certificate.check domain={name}"));
        assert!(rig(dns, good, ca).told(&line).await.starts_with(&format!("succeeded: {summary}")), "{name}");
    }

    let expired = shows(params(&["shop.test"], -30, -3), Some(&authority)).await;
    let both = shows(params(&["shop.test"], -30, -3), None).await;
    let early = shows(params(&["shop.test"], 3, 30), Some(&authority)).await;
    let other = shows(params(&["elsewhere.test"], -30, 30), Some(&authority)).await;
    let own = shows(params(&["shop.test"], -30, 30), None).await;
    for (port, ca, faults) in [
        (expired, ca, "it expired 3 days ago"),
        (early, ca, "it is not valid yet"),
        (other, ca, "it is not for `shop.test`"),
        (own, ca, "it is signed by itself, and trusted by nobody here"),
        (both, ca, "it expired 3 days ago; it is signed by itself, and trusted by nobody here"),
        (good, None, "its issuer is not trusted here, or a certificate between them is missing"),
        (
            expired,
            None,
            "it expired 3 days ago; its issuer is not trusted here, or a certificate between them is missing",
        ),
    ] {
        let outcome = rig(dns, port, ca).run("certificate.check domain=shop.test").await;
        assert_eq!(outcome.status, OutcomeStatus::Succeeded, "{}", outcome.summary);
        assert_eq!(outcome.summary, format!("shop.test: the certificate is NOT accepted: {faults}"));
        assert!(outcome.output.unwrap().contains(" days left)"), "when it ends is told of bad ones, too");
    }
}

#[tokio::test]
async fn where_no_certificate_is_shown_it_is_said_in_time() {
    let dns = dns().await;
    let told = async |port| rig(dns, port, None).told("certificate.check domain=shop.test").await;
    let silent = serve(async |mut stream: TcpStream| drop(stream.read_to_end(&mut Vec::new()).await)).await;
    // The head of a record that never comes to its end.
    let dripping = serve(async |mut stream: TcpStream| {
        for byte in [0x16, 3, 3, 0x3f, 0xff, 2].into_iter().chain(std::iter::repeat_n(0, 200)) {
            tokio::time::sleep(Duration::from_millis(200)).await;
            if stream.write_all(&[byte]).await.is_err() {
                return;
            }
        }
    })
    .await;
    let plain =
        serve(async |mut stream: TcpStream| drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await)).await;
    let closing = serve(async |stream: TcpStream| drop(stream)).await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let began = Instant::now();
    let (silent, dripping, plain, closing, refused) =
        tokio::join!(told(silent), told(dripping), told(plain), told(closing), told(nobody));
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    for said in [silent, dripping] {
        assert!(said.starts_with("failed: `network` gets no certificate from 127.0.0.1:"), "{said}");
        assert!(said.ends_with("the handshake did not end within 5 s"), "{said}");
    }
    assert!(plain.ends_with("received corrupt message of type InvalidContentType"), "{plain}");
    assert!(closing.starts_with("failed: `network` gets no certificate from 127.0.0.1:"), "{closing}");
    assert!(
        refused.starts_with("failed: `network` cannot connect to ") && refused.contains("onnection refused"),
        "{refused}"
    );
}

#[tokio::test]
async fn addresses_out_of_reach_are_left_alone() {
    let rig = rig(dns().await, 443, None);
    let said =
        "failed: `network` does not connect to 169.254.169.254: the setting `reach` has no `link_local` addresses";
    for domain in ["169.254.169.254", "inside.test", "2852039166", "0xa9fea9fe"] {
        assert_eq!(rig.told(&format!("certificate.check domain={domain}")).await, said, "{domain}");
    }
    let told = rig.told("certificate.check domain=nosuch.test").await;
    assert_eq!(told, "failed: `network` finds no address of that name");
}
