//! Private keys made from nothing but a seed: real structures with real arithmetic, none of any use.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Seed;

/// The key called `name`; nothing when there is none of that name.
pub(super) fn generate(name: &str, argument: &str, seed: &mut Seed) -> Option<String> {
    Some(match (name, argument) {
        ("pem", "rsa") => rsa_pkcs1(seed),
        ("pem", "pkcs8") => rsa_pkcs8(seed),
        ("pem", "ec") => ec_sec1(seed),
        ("pem", "ed25519") => ed25519_pkcs8(seed),
        ("pem", "encrypted") => encrypted_pkcs8(seed),
        ("pem", "public") => pem("PUBLIC KEY", &rsa_pkcs8_der(seed)),
        ("openssh", "ed25519") => openssh_ed25519(seed, false),
        ("openssh", "passphrase") => openssh_ed25519(seed, true),
        ("pgp", "private") => pgp(seed),
        ("putty", _) => putty(seed),
        ("age", _) => age(seed),
        _ => return None,
    })
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(64) {
        text.extend(line.iter().map(|&byte| char::from(byte)));
        text.push('\n');
    }
    text + &format!("-----END {label}-----")
}

/// An element of DER: tag, length, content.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match content.len() {
        length @ 0..=127 => bytes.push(length as u8),
        length @ 128..=255 => bytes.extend_from_slice(&[0x81, length as u8]),
        length => bytes.extend_from_slice(&[0x82, (length >> 8) as u8, length as u8]),
    }
    bytes.extend_from_slice(content);
    bytes
}

/// An INTEGER of DER that is not negative.
fn integer(magnitude: &Number) -> Vec<u8> {
    let mut content = magnitude.0.clone();
    if content.first().is_none_or(|first| first & 0x80 != 0) {
        content.insert(0, 0);
    }
    element(2, &content)
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

/// A whole number as big-endian bytes without leading zeros: just the arithmetic that a key of two
/// Mersenne primes needs.
#[derive(Clone)]
struct Number(Vec<u8>);

impl Number {
    fn trimmed(bytes: &[u8]) -> Self {
        Self(bytes.iter().copied().skip_while(|&byte| byte == 0).collect())
    }

    fn from_u64(value: u64) -> Self {
        Self::trimmed(&value.to_be_bytes())
    }

    /// The sum of 2^bit over `plus` less the sum over `minus`; it must not be negative.
    fn from_bits(plus: &[usize], minus: &[usize]) -> Self {
        let mut digits = vec![0i32; 160];
        for (bits, sign) in [(plus, 1), (minus, -1)] {
            for bit in bits {
                digits[159 - bit / 8] += sign << (bit % 8);
            }
        }
        let mut carry = 0;
        for digit in digits.iter_mut().rev() {
            let sum = *digit + carry;
            carry = sum.div_euclid(256);
            *digit = sum.rem_euclid(256);
        }
        Self::trimmed(&digits.iter().map(|&digit| digit as u8).collect::<Vec<_>>())
    }

    fn times_plus(&self, factor: u64, add: u64) -> Self {
        let mut carry = u128::from(add);
        let mut bytes: Vec<u8> = Vec::new();
        for &byte in self.0.iter().rev() {
            carry += u128::from(byte) * u128::from(factor);
            bytes.insert(0, carry as u8);
            carry >>= 8;
        }
        let mut whole = carry.to_be_bytes().to_vec();
        whole.extend_from_slice(&bytes);
        Self::trimmed(&whole)
    }

    fn divided_by(&self, divisor: u64) -> (Self, u64) {
        let mut rest = 0u128;
        let mut quotient = Vec::new();
        for &byte in &self.0 {
            rest = rest << 8 | u128::from(byte);
            quotient.push((rest / u128::from(divisor)) as u8);
            rest %= u128::from(divisor);
        }
        (Self::trimmed(&quotient), rest as u64)
    }

    /// The inverse of `e` modulo this number: `(1 + k·self) / e` for the k that makes it whole.
    fn inverse_of(&self, e: u64) -> Option<Self> {
        let (_, rest) = self.divided_by(e);
        let k = (1..e).find(|k| (u128::from(rest) * u128::from(*k) + 1) % u128::from(e) == 0)?;
        Some(self.times_plus(k, 1).divided_by(e).0)
    }
}

/// The bits of 2^607 and 2^521: one less is a prime in both cases.
const P: usize = 607;
const Q: usize = 521;

/// PKCS#1 of the modulus (2^607-1)(2^521-1). The seed chooses the public exponent.
fn rsa_pkcs1_der(seed: &mut Seed) -> Vec<u8> {
    let phi = Number::from_bits(&[P + Q, 2], &[P + 1, Q + 1]);
    let (p_minus_1, q_minus_1) = (Number::from_bits(&[P], &[1]), Number::from_bits(&[Q], &[1]));
    loop {
        let e = 65_537 + 2 * seed.below(30_000) as u64;
        let (Some(d), Some(dp), Some(dq)) =
            (phi.inverse_of(e), p_minus_1.inverse_of(e), q_minus_1.inverse_of(e))
        else {
            continue;
        };
        // q^-1 mod p: p = 2^607-1 and q = 2^521-1. With 521·b = 1 (mod 607), the sum of 2^(521·i) for i < b is it.
        let b = (1..P).find(|b| Q * b % P == 1).unwrap_or_default();
        let inverse = Number::from_bits(&(0..b).map(|i| Q * i % P).collect::<Vec<_>>(), &[]);
        let n = Number::from_bits(&[P + Q, 0], &[P, Q]);
        let (p, q) = (Number::from_bits(&[P], &[0]), Number::from_bits(&[Q], &[0]));
        let numbers = [Number(Vec::new()), n, Number::from_u64(e), d, p, q, dp, dq, inverse];
        return sequence(&numbers.iter().map(integer).collect::<Vec<_>>());
    }
}

fn rsa_pkcs1(seed: &mut Seed) -> String {
    pem("RSA PRIVATE KEY", &rsa_pkcs1_der(seed))
}

fn rsa_pkcs8_der(seed: &mut Seed) -> Vec<u8> {
    let rsa = [0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1, 5, 0];
    sequence(&[vec![2, 1, 0], element(0x30, &rsa), element(4, &rsa_pkcs1_der(seed))])
}

/// A whole PEM of PKCS#8 with an RSA key.
pub(super) fn rsa_pkcs8(seed: &mut Seed) -> String {
    pem("PRIVATE KEY", &rsa_pkcs8_der(seed))
}

/// A scalar of P-256 without its point.
fn ec_sec1(seed: &mut Seed) -> String {
    let mut scalar = seed.bytes::<32>();
    scalar[0] &= 0x7f;
    let curve = [0x06, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7];
    let der = sequence(&[vec![2, 1, 1], element(4, &scalar), element(0xA0, &curve)]);
    pem("EC PRIVATE KEY", &der)
}

fn ed25519_pkcs8(seed: &mut Seed) -> String {
    let octets = element(4, &seed.bytes::<32>());
    let der = sequence(&[vec![2, 1, 0], element(0x30, &[6, 3, 0x2B, 0x65, 0x70]), element(4, &octets)]);
    pem("PRIVATE KEY", &der)
}

/// The shape of an encrypted PKCS#8: PBES2, and bytes that nobody can decrypt.
fn encrypted_pkcs8(seed: &mut Seed) -> String {
    let pbes2 = element(0x30, &[6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 5, 0x0D, 0x30, 0]);
    let sealed = [seed.bytes::<64>(), seed.bytes::<64>()].concat();
    pem("ENCRYPTED PRIVATE KEY", &sequence(&[pbes2, element(4, &sealed)]))
}

/// The strings of SSH: four bytes of length, then the content.
fn ssh_string(bytes: &mut Vec<u8>, content: &[u8]) {
    bytes.extend_from_slice(&(content.len() as u32).to_be_bytes());
    bytes.extend_from_slice(content);
}

fn openssh_ed25519(seed: &mut Seed, passphrase: bool) -> String {
    let (public, secret, check) = (seed.bytes::<32>(), seed.bytes::<32>(), seed.bytes::<4>());
    let mut blob = Vec::new();
    ssh_string(&mut blob, b"ssh-ed25519");
    ssh_string(&mut blob, &public);
    let mut private = [check, check].concat();
    private.extend_from_slice(&blob);
    ssh_string(&mut private, &[secret, public].concat());
    ssh_string(&mut private, b"builder@host");
    private.extend((1u8..).take(private.len().next_multiple_of(8) - private.len()));
    let mut bytes = b"openssh-key-v1\0".to_vec();
    let (cipher, kdf): (&[u8], &[u8]) =
        if passphrase { (b"aes256-ctr", b"bcrypt") } else { (b"none", b"none") };
    ssh_string(&mut bytes, cipher);
    ssh_string(&mut bytes, kdf);
    let mut options = Vec::new();
    if passphrase {
        ssh_string(&mut options, &seed.bytes::<16>());
        options.extend_from_slice(&16u32.to_be_bytes());
    }
    ssh_string(&mut bytes, &options);
    bytes.extend_from_slice(&1u32.to_be_bytes());
    ssh_string(&mut bytes, &blob);
    ssh_string(&mut bytes, &private);
    pem("OPENSSH PRIVATE KEY", &bytes)
}

/// CRC-24 of OpenPGP (RFC 9580, section 6.1).
fn crc24(bytes: &[u8]) -> u32 {
    let mut crc = 0x00B7_04CE_u32;
    for &byte in bytes {
        crc ^= u32::from(byte) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= 0x0186_4CFB;
            }
        }
    }
    crc & 0x00FF_FFFF
}

/// A secret-key packet of version 4 with an EdDSA key in clear.
fn pgp(seed: &mut Seed) -> String {
    let mut body = vec![4];
    body.extend_from_slice(&1_700_000_000u32.to_be_bytes());
    body.extend_from_slice(&[22, 9, 0x2B, 6, 1, 4, 1, 0xDA, 0x47, 0x0F, 1]);
    body.extend_from_slice(&[1, 7, 0x40]);
    body.extend_from_slice(&seed.bytes::<32>());
    body.extend_from_slice(&[0, 1, 0]);
    body.extend_from_slice(&seed.bytes::<32>());
    let sum: u32 = body.iter().rev().take(34).map(|&byte| u32::from(byte)).sum();
    body.extend_from_slice(&(sum as u16).to_be_bytes());
    let mut packet = vec![0xC5, body.len() as u8];
    packet.extend_from_slice(&body);
    let armor = STANDARD.encode(&packet);
    let lines: Vec<String> =
        armor.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let check = STANDARD.encode(&crc24(&packet).to_be_bytes()[1..]);
    let label = "PGP PRIVATE KEY BLOCK";
    format!("-----BEGIN {label}-----\n\n{}\n={check}\n-----END {label}-----", lines.join("\n"))
}

fn putty(seed: &mut Seed) -> String {
    let mut blob = Vec::new();
    ssh_string(&mut blob, b"ssh-ed25519");
    ssh_string(&mut blob, &seed.bytes::<32>());
    let public = STANDARD.encode(&blob);
    let (first, second) = public.split_at(64);
    let mut secret = Vec::new();
    ssh_string(&mut secret, &seed.bytes::<32>());
    let mac = super::checksummed::hex(seed, 64);
    format!(
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: builder\nPublic-Lines: 2\n{first}\n{second}\n\
         Private-Lines: 1\n{}\nPrivate-MAC: {mac}",
        STANDARD.encode(secret)
    )
}

/// An identity of age: 32 bytes in bech32 (BIP-173), upper case.
fn age(seed: &mut Seed) -> String {
    const SYMBOLS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let human = "age-secret-key-";
    let bytes = seed.bytes::<32>();
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let mut data: Vec<u8> =
        (0..52).map(|group| (0..5).fold(0, |five, at| five << 1 | bit(group * 5 + at))).collect();
    let mut values: Vec<u8> = human.bytes().map(|byte| byte >> 5).collect();
    values.push(0);
    values.extend(human.bytes().map(|byte| byte & 31));
    values.extend_from_slice(&data);
    values.extend_from_slice(&[0; 6]);
    let check = bech32_remainder(&values) ^ 1;
    data.extend((0..6).rev().map(|group| (check >> (5 * group) & 31) as u8));
    let symbols =
        data.iter().filter_map(|&five| SYMBOLS.get(usize::from(five))).map(|&symbol| char::from(symbol));
    format!("{human}1{}", symbols.collect::<String>()).to_ascii_uppercase()
}

fn bech32_remainder(values: &[u8]) -> u32 {
    let generator = [0x3B6A_57B2u32, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3];
    values.iter().fold(1u32, |check, &value| {
        let shifted = (check & 0x01FF_FFFF) << 5 ^ u32::from(value);
        let taps = generator.iter().enumerate().filter(|(bit, _)| check >> 25 >> bit & 1 == 1);
        taps.fold(shifted, |sum, (_, tap)| sum ^ tap)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    /// Whether `openssl` accepts `pem` with `arguments`.
    fn openssl_accepts(arguments: &[&str], pem: &str) -> bool {
        let mut child = Command::new("openssl")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl runs");
        child.stdin.take().expect("a pipe").write_all(pem.as_bytes()).expect("openssl reads");
        child.wait().expect("openssl ends").success()
    }

    #[test]
    fn openssl_accepts_the_keys() {
        let mut seed = Seed(3);
        for _ in 0..3 {
            assert!(openssl_accepts(&["rsa", "-check", "-noout"], &rsa_pkcs1(&mut seed)));
            assert!(openssl_accepts(&["pkey", "-check", "-noout"], &rsa_pkcs8(&mut seed)));
            assert!(openssl_accepts(&["pkey", "-noout"], &ec_sec1(&mut seed)));
            assert!(openssl_accepts(&["pkey", "-noout"], &ed25519_pkcs8(&mut seed)));
        }
    }

    #[test]
    fn crc24_has_the_published_check_value() {
        assert_eq!(crc24(b"123456789"), 0x0021_CF02);
    }

    #[test]
    fn bech32_accepts_the_published_strings() {
        // BIP-173: valid strings of the human-readable parts "a" and "abcdef".
        let residue = |human: &str, data: &str| {
            let symbols = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
            let mut values: Vec<u8> = human.bytes().map(|byte| byte >> 5).collect();
            values.push(0);
            values.extend(human.bytes().map(|byte| byte & 31));
            values.extend(
                data.bytes()
                    .map(|byte| symbols.iter().position(|&known| known == byte).expect("a symbol") as u8),
            );
            bech32_remainder(&values)
        };
        assert_eq!(residue("a", "2uel5l"), 1);
        assert_eq!(residue("abcdef", "qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"), 1);
        assert_ne!(residue("a", "2uel5q"), 1);
    }
}
