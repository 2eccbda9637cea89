//! A server that says what it likes in a TLS 1.3 handshake, made by hand over `ring`.

use embassy_net::Stack;
use embassy_net::tcp::TcpSocket;
use embedded_io_async::{Read as _, Write as _};
use larkwire_core::Closed;
use larkwire_embassy::{Connect as _, Stream as _, TlsBroken, TlsFault};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use ring::{hkdf, hmac};

use crate::pki::*;
use crate::server::{connector, to_host, trust};
use crate::support::platform::{dns, listener};
use crate::support::{beside, story};

const HANDSHAKE: u8 = 22;
const SEALED: u8 = 23;
const APPLICATION: u8 = 23;
const P256_SHA256: u16 = 0x0403;

/// What the server says after its hello.
enum Says {
    /// That the client may show a certificate, too.
    Asks,
    /// Extensions that say nothing.
    Extensions,
    /// These certificates, in DER.
    Certificates(Vec<Vec<u8>>),
    /// A proof with this key, in PKCS#8, named as this scheme.
    Proof(Vec<u8>, u16),
    /// A proof that is these bytes.
    Bytes(Vec<u8>),
    Finished,
    /// The end of a record. What was said before it is sealed together.
    Break,
    /// A record in the clear.
    Clear(Vec<u8>),
    /// A sealed record with this in it, kind and padding included.
    Record(Vec<u8>),
}

/// One direction of a connection.
struct Keys {
    secret: [u8; 32],
    key: LessSafeKey,
    iv: [u8; 12],
    counter: u64,
}

impl Keys {
    fn of(secret: [u8; 32]) -> Self {
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &expand::<16>(&secret, "key", b"")).unwrap());
        Self { secret, key, iv: expand(&secret, "iv", b""), counter: 0 }
    }

    fn nonce(&mut self) -> Nonce {
        let mut nonce = self.iv;
        for (to, from) in nonce[4..].iter_mut().zip(self.counter.to_be_bytes()) {
            *to ^= from;
        }
        self.counter += 1;
        Nonce::assume_unique_for_key(nonce)
    }

    fn seal(&mut self, inner: &[u8]) -> Vec<u8> {
        let mut content = inner.to_vec();
        let header = header(SEALED, inner.len() + 16);
        let nonce = self.nonce();
        self.key.seal_in_place_append_tag(nonce, Aad::from(header), &mut content).unwrap();
        [&header[..], &content].concat()
    }

    /// The kind and content of a record, if it is sealed with these keys.
    fn open(&mut self, record: &[u8]) -> Option<(u8, Vec<u8>)> {
        let (header, mut content) = (record[..5].to_vec(), record[5..].to_vec());
        let nonce = self.nonce();
        let inner = self.key.open_in_place(nonce, Aad::from(header), &mut content).ok()?;
        let (kind, content) = inner.split_last().unwrap();
        Some((*kind, content.to_vec()))
    }

    fn finished(&self, transcript: &[u8]) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &expand::<32>(&self.secret, "finished", b""));
        hmac::sign(&key, digest(&SHA256, transcript).as_ref()).as_ref().to_vec()
    }
}

fn header(kind: u8, len: usize) -> [u8; 5] {
    let [high, low] = u16::try_from(len).unwrap().to_be_bytes();
    [kind, 3, 3, high, low]
}

fn expand<const N: usize>(secret: &[u8], label: &str, context: &[u8]) -> [u8; N] {
    struct Len(usize);
    impl hkdf::KeyType for Len {
        fn len(&self) -> usize {
            self.0
        }
    }
    let len = u16::try_from(N).unwrap().to_be_bytes();
    let label = format!("tls13 {label}");
    let info: [&[u8]; 5] = [&len, &[label.len() as u8], label.as_bytes(), &[context.len() as u8], context];
    let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, secret);
    let mut out = [0; N];
    prk.expand(&info, Len(N)).unwrap().fill(&mut out).unwrap();
    out
}

fn extract(salt: &[u8], secret: &[u8]) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, salt);
    hmac::sign(&key, secret).as_ref().try_into().unwrap()
}

fn derive(secret: &[u8], label: &str, transcript: &[u8]) -> [u8; 32] {
    expand(secret, label, digest(&SHA256, transcript).as_ref())
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, a, b, c][..], body].concat()
}

fn with_len(bytes: usize, body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[4 - bytes..], body].concat()
}

async fn read_record(socket: &mut TcpSocket<'_>) -> Option<Vec<u8>> {
    let mut record = vec![0; 5];
    socket.read_exact(&mut record).await.ok()?;
    record.resize(5 + usize::from(u16::from_be_bytes([record[3], record[4]])), 0);
    socket.read_exact(&mut record[5..]).await.ok()?;
    Some(record)
}

/// What the client said once the server had had its say.
#[derive(Debug, Default, Eq, PartialEq)]
struct Heard {
    is_finished: bool,
    application: Vec<u8>,
}

/// Takes a connection, says all of `says`, and `later` once the client has finished; listens to the end.
async fn talk(stack: Stack<'static>, says: Vec<Says>, later: Vec<Says>) -> Heard {
    let mut socket = listener(stack);
    socket.accept(443).await.unwrap();
    let hello = read_record(&mut socket).await.unwrap();
    let mut transcript = hello[5..].to_vec();

    // The one key share of the client: an uncompressed point of P-256.
    let share = [0, 23, 0, 65, 4];
    let share = hello.windows(5).position(|bytes| bytes == share).unwrap() + 4;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, &hello[share..share + 65]);
    let ours = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
    let public = ours.compute_public_key().unwrap();
    let shared = agree_ephemeral(ours, &theirs, <[u8]>::to_vec).unwrap();

    let extensions = [&[0, 43, 0, 2, 3, 4, 0, 51, 0, 69, 0, 23, 0, 65][..], public.as_ref()].concat();
    let hello = [&[3, 3][..], &[7; 32], &[0, 0x13, 1, 0], &with_len(2, &extensions)].concat();
    let hello = message(2, &hello);
    transcript.extend(&hello);
    let early = extract(&[0; 32], &[0; 32]);
    let handshake = extract(&derive(&early, "derived", b""), &shared);
    let mut client = Keys::of(derive(&handshake, "c hs traffic", &transcript));
    let mut server = Keys::of(derive(&handshake, "s hs traffic", &transcript));
    let mut sent = [&header(HANDSHAKE, hello.len())[..], &hello].concat();

    let main = extract(&derive(&handshake, "derived", b""), &[0; 32]);
    let mut traffic = None;
    say(says, &mut server, &mut transcript, &mut sent, &mut traffic);
    if socket.write_all(&sent).await.is_err() {
        return Heard::default();
    }

    let mut heard = Heard::default();
    let mut client_traffic = traffic.as_ref().map(|transcript| Keys::of(derive(&main, "c ap traffic", transcript)));
    let mut later = Some(later);
    while let Some(record) = read_record(&mut socket).await {
        if !heard.is_finished {
            let (kind, content) = client.open(&record).expect("nothing is said before the client has finished");
            if (kind, &content[..]) == (HANDSHAKE, &[11, 0, 0, 4, 0, 0, 0, 0]) {
                // No certificate, to a server that asked for one.
                continue;
            }
            assert_eq!((kind, content[0]), (HANDSHAKE, 20));
            heard.is_finished = true;
            if let (Some(transcript), Some(later)) = (&traffic, later.take()) {
                let mut keys = Keys::of(derive(&main, "s ap traffic", transcript));
                let mut sent = Vec::new();
                say(later, &mut keys, &mut Vec::new(), &mut sent, &mut None);
                let _ = socket.write_all(&sent).await;
            }
        } else if let Some((APPLICATION, content)) = client_traffic.as_mut().unwrap().open(&record) {
            heard.application.extend(content);
        }
    }
    heard
}

fn say(says: Vec<Says>, keys: &mut Keys, transcript: &mut Vec<u8>, sent: &mut Vec<u8>, traffic: &mut Option<Vec<u8>>) {
    let mut flight = Vec::new();
    let seal = |flight: &mut Vec<u8>, keys: &mut Keys, sent: &mut Vec<u8>| {
        if !flight.is_empty() {
            flight.push(HANDSHAKE);
            sent.extend(keys.seal(flight));
            flight.clear();
        }
    };
    for says in says {
        let said = match says {
            Says::Asks => message(13, &[0, 0, 0]),
            Says::Extensions => message(8, &[0, 0]),
            Says::Certificates(certificates) => {
                let entries: Vec<_> =
                    certificates.iter().flat_map(|der| [with_len(3, der), vec![0, 0]].concat()).collect();
                message(11, &[&[0][..], &with_len(3, &entries)].concat())
            }
            Says::Proof(key, scheme) => {
                let key =
                    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key, &SystemRandom::new()).unwrap();
                let hash = digest(&SHA256, transcript);
                let signed = [&[b' '; 64][..], b"TLS 1.3, server CertificateVerify\0", hash.as_ref()].concat();
                let signature = key.sign(&SystemRandom::new(), &signed).unwrap();
                message(15, &[&scheme.to_be_bytes()[..], &with_len(2, signature.as_ref())].concat())
            }
            Says::Bytes(signature) => message(15, &[&P256_SHA256.to_be_bytes()[..], &with_len(2, &signature)].concat()),
            Says::Finished => message(20, &keys.finished(transcript)),
            Says::Break => {
                seal(&mut flight, keys, sent);
                continue;
            }
            Says::Clear(record) => {
                seal(&mut flight, keys, sent);
                sent.extend(record);
                continue;
            }
            Says::Record(inner) => {
                seal(&mut flight, keys, sent);
                sent.extend(keys.seal(&inner));
                continue;
            }
        };
        flight.extend(&said);
        transcript.extend(&said);
        if said[0] == 20 {
            *traffic = Some(transcript.clone());
        }
    }
    seal(&mut flight, keys, sent);
}

/// The server says this, is refused for `fault`, and hears nothing of the application.
fn is_refused(root: &'static Signed, says: Vec<Says>, fault: TlsFault) {
    story(move |board, platform| async move {
        let (mut connect, faults) = connector(board, trust(root));
        let client = async {
            let opened = connect.connect(&to_host()).await.map(drop);
            assert_eq!((opened, faults.take()), (Err(Closed::Tls), Some(fault)));
        };
        let server = async { assert_eq!(talk(platform, says, Vec::new()).await.application, b"") };
        beside(dns(platform), client, server).await;
    });
}

/// A root, a server's certificate under it, and the key of the server.
fn server() -> (&'static Signed, Vec<u8>, Vec<u8>) {
    let server = common_root().server();
    (common_root(), server.der, server.key.serialize_der())
}

/// What an honest server says.
fn honest(leaf: &[u8], key: &[u8]) -> Vec<Says> {
    let proof = Says::Proof(key.to_vec(), P256_SHA256);
    vec![Says::Extensions, Says::Certificates(vec![leaf.to_vec()]), proof, Says::Finished]
}

#[test]
fn a_server_that_shows_a_certificate_and_proves_its_key_is_spoken_to() {
    let (root, leaf, key) = server();
    // All in one record; each in a record of its own, behind the gesture for middleboxes.
    let gesture = Says::Clear([&header(20, 1)[..], &[1]].concat());
    let broken = honest(&leaf, &key).into_iter().flat_map(|says| [says, Says::Break]);
    let mut asks = honest(&leaf, &key);
    asks.insert(1, Says::Asks);
    for says in [honest(&leaf, &key), [gesture].into_iter().chain(broken).collect(), asks] {
        story(move |board, platform| async move {
            let (mut connect, faults) = connector(board, trust(root));
            let client = async {
                let mut stream = connect.connect(&to_host()).await.unwrap();
                let (mut reader, mut writer) = stream.split();
                writer.write_all(b"hello").await.unwrap();
                writer.flush().await.unwrap();
                let mut answer = [0; 5];
                reader.read_exact(&mut answer).await.unwrap();
                assert_eq!(&answer, b"HELLO");
                stream.close().await;
                assert_eq!(faults.get(), None);
            };
            let server = async {
                // A ticket, nothing, and the answer, with padding.
                let ticket = [&message(4, &[0; 13])[..], &[HANDSHAKE]].concat();
                let later = [ticket, vec![APPLICATION], b"HELLO\x17\0\0".to_vec()].map(Says::Record).into();
                let heard = talk(platform, says, later).await;
                assert_eq!(heard, Heard { is_finished: true, application: b"hello".to_vec() });
            };
            beside(dns(platform), client, server).await;
        });
    }
}

#[test]
fn a_server_that_proves_nothing_is_refused() {
    let (root, leaf, key) = server();
    let certificates = || Says::Certificates(vec![leaf.clone()]);
    let proof = || Says::Proof(key.clone(), P256_SHA256);
    // Neither a certificate nor a proof.
    is_refused(root, vec![Says::Extensions, Says::Finished], TlsFault::NotAuthenticated);
    is_refused(root, vec![Says::Finished], TlsFault::NotAuthenticated);
    // A certificate, and no proof.
    is_refused(root, vec![Says::Extensions, certificates(), Says::Finished], TlsFault::NotAuthenticated);
    // A proof, and no certificate.
    is_refused(root, vec![Says::Extensions, proof(), Says::Finished], TlsFault::NotAuthenticated);
    // Finished too early, in a record of its own and among others.
    let early = vec![Says::Extensions, Says::Finished, Says::Break, certificates(), proof(), Says::Finished];
    is_refused(root, early, TlsFault::NotAuthenticated);
    let early = vec![Says::Extensions, certificates(), Says::Finished, Says::Break, proof()];
    is_refused(root, early, TlsFault::NotAuthenticated);
    for says in [
        vec![Says::Extensions, Says::Finished, certificates(), proof()],
        vec![Says::Extensions, certificates(), Says::Finished, proof()],
        vec![Says::Extensions, certificates(), Says::Finished, proof(), Says::Finished],
    ] {
        is_refused(root, says, TlsFault::Handshake);
    }
    // No certificate in the list.
    is_refused(root, vec![Says::Extensions, Says::Certificates(vec![]), proof()], TlsFault::NotAuthenticated);
}

#[test]
fn a_proof_that_is_wrong_is_refused() {
    let (root, leaf, key) = server();
    let other = root.server().key.serialize_der();
    let with = |proof| vec![Says::Extensions, Says::Certificates(vec![leaf.clone()]), proof, Says::Finished];
    is_refused(root, with(Says::Proof(other, P256_SHA256)), TlsFault::BadSignature);
    // Schemes of other curves, of RSA, of SHA-1, and one nobody knows.
    for (scheme, fault) in [
        (0x0503, TlsFault::UnsupportedAlgorithm),
        (0x0804, TlsFault::UnsupportedAlgorithm),
        (0x0401, TlsFault::UnsupportedAlgorithm),
        (0x0807, TlsFault::UnsupportedAlgorithm),
        (0x0203, TlsFault::UnsupportedAlgorithm),
        (0x7777, TlsFault::Handshake),
    ] {
        is_refused(root, with(Says::Proof(key.clone(), scheme)), fault);
    }
    for bytes in [vec![], vec![0x30], vec![0x30, 6, 2, 1, 0, 2, 1, 0], vec![0x41; 72]] {
        is_refused(root, with(Says::Bytes(bytes)), TlsFault::BadSignature);
    }
    // Something is said between the certificate and its proof.
    let mut says = with(Says::Proof(key, P256_SHA256));
    says.insert(2, Says::Extensions);
    is_refused(root, says, TlsFault::BadSignature);
}

#[test]
fn a_second_chain_is_refused() {
    let (root, leaf, key) = server();
    let stranger = crate::pki::root("Stranger").server();
    let certificates = |der: &[u8]| Says::Certificates(vec![der.to_vec()]);
    let proof = |key: &[u8]| Says::Proof(key.to_vec(), P256_SHA256);
    let stranger_key = stranger.key.serialize_der();
    let says = vec![Says::Extensions, certificates(&leaf), certificates(&stranger.der), proof(&stranger_key)];
    is_refused(root, says, TlsFault::Handshake);
    let mut says = honest(&leaf, &key);
    says.splice(3..3, [certificates(&stranger.der), proof(&stranger_key)]);
    is_refused(root, says, TlsFault::Handshake);
    // A second proof has nothing left to prove.
    let mut says = honest(&leaf, &key);
    says.insert(3, proof(&key));
    is_refused(root, says, TlsFault::NotAuthenticated);
}

#[test]
fn a_wrong_finished_is_refused() {
    let (root, leaf, key) = server();
    let mut says = honest(&leaf, &key);
    says.pop();
    says.push(Says::Record([&message(20, &[0; 32])[..], &[HANDSHAKE]].concat()));
    is_refused(root, says, TlsFault::Handshake);
}

#[test]
fn records_that_must_not_come_are_refused_in_a_handshake() {
    let (root, leaf, key) = server();
    let clear = |kind, content: &[u8]| Says::Clear([&header(kind, content.len())[..], content].concat());
    let certificate = message(11, &[&[0][..], &with_len(3, &[with_len(3, &leaf), vec![0, 0]].concat())].concat());
    for (peculiar, fault) in [
        (Says::Record([&message(11, &[0, 0, 0, 200, 0])[..], &[HANDSHAKE]].concat()), TlsFault::Handshake),
        (Says::Record(vec![]), TlsFault::Handshake),
        (Says::Record(vec![0; 30]), TlsFault::Handshake),
        (Says::Record(vec![1, 2, 3, 99]), TlsFault::Handshake),
        (Says::Record([&message(24, &[0])[..], &[HANDSHAKE]].concat()), TlsFault::Handshake),
        (Says::Record(b"too early\x17".to_vec()), TlsFault::Handshake),
        (clear(HANDSHAKE, &certificate), TlsFault::Handshake),
        (clear(HANDSHAKE, &message(8, &[0, 0])), TlsFault::Handshake),
        (clear(21, &[2, 40]), TlsFault::Handshake),
        (clear(SEALED, &[]), TlsFault::Handshake),
        (clear(SEALED, &[1; 16]), TlsFault::Handshake),
        (clear(SEALED, &[1; 40]), TlsFault::Handshake),
        (Says::Clear(header(SEALED, 65_535).to_vec()), TlsFault::Handshake),
        (Says::Clear(vec![99; 5]), TlsFault::Handshake),
    ] {
        let mut says = honest(&leaf, &key);
        says.insert(1, peculiar);
        is_refused(root, says, fault);
    }
}

#[test]
fn records_that_must_not_come_end_an_open_stream() {
    let (root, leaf, key) = server();
    let clear = |kind, content: &[u8]| Says::Clear([&header(kind, content.len())[..], content].concat());
    let sealed = |kind, body: &[u8]| Says::Record([&message(kind, body)[..], &[HANDSHAKE]].concat());
    for (at, peculiar) in [
        sealed(24, &[0]),
        sealed(8, &[0, 0]),
        sealed(11, &[0, 0, 0, 0]),
        sealed(13, &[0, 0, 0]),
        sealed(20, &[0; 32]),
        sealed(2, &[0; 40]),
        sealed(4, &[]),
        Says::Record(vec![]),
        Says::Record(vec![0; 9]),
        Says::Record(vec![2, 40, 21]),
        Says::Record(vec![21]),
        Says::Record(vec![1, 20]),
        clear(HANDSHAKE, &message(11, &[0, 0, 0, 0])),
        clear(HANDSHAKE, &message(4, &[0; 13])),
        clear(21, &[1, 0]),
        clear(20, &[1]),
        clear(SEALED, &[9; 60]),
    ]
    .into_iter()
    .enumerate()
    {
        let (leaf, key) = (leaf.clone(), key.clone());
        story(move |board, platform| async move {
            let (mut connect, faults) = connector(board, trust(root));
            let client = async {
                let mut stream = connect.connect(&to_host()).await.unwrap();
                let (mut reader, _) = stream.split();
                let mut hello = [0; 5];
                reader.read_exact(&mut hello).await.unwrap();
                assert_eq!(reader.read(&mut hello).await, Err(TlsBroken::Tls), "{at}");
                assert_eq!(faults.take(), Some(TlsFault::Handshake), "{at}");
            };
            let later = vec![Says::Record(b"hello\x17".to_vec()), peculiar];
            let server = async { talk(platform, honest(&leaf, &key), later).await };
            beside(dns(platform), client, async { drop(server.await) }).await;
        });
    }
}

#[test]
fn handshakes_of_bytes_at_random_are_refused() {
    let (root, leaf, key) = server();
    let mut state = 1_u32;
    let mut next = move |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from(state >> 8).unwrap() % below
    };
    story(move |board, platform| async move {
        let (mut connect, faults) = connector(board, trust(root));
        for round in 0..80 {
            // A message of a kind that is known, with honest lengths or not, or bytes of any kind.
            let mut inner: Vec<u8> = (0..next(120)).map(|_| next(256) as u8).collect();
            if round % 4 != 0 {
                let kind = [2, 4, 8, 11, 13, 15, 20, 24][next(8)];
                let parts: Vec<u8> = (0..next(30)).map(|_| [0, 0, 0, 1, 2, 255][next(6)]).collect();
                inner = message(kind, &parts);
                inner.push([HANDSHAKE, HANDSHAKE, 21, 20][next(4)]);
            }
            let mut says = honest(&leaf, &key);
            // What stands before the proof is covered by it, and Finished covers everything: nothing is let in.
            let place = next(4);
            says.insert(place, if round % 5 == 0 { Says::Clear(inner) } else { Says::Record(inner) });
            let client = async {
                let opened = connect.connect(&to_host()).await.map(drop);
                assert!(opened.is_err(), "{round}");
                faults.take();
            };
            let server = async { assert_eq!(talk(platform, says, Vec::new()).await.application, b"") };
            beside(dns(platform), client, server).await;
        }
    });
}
