//! What keeps a flood of hellos cheap: token buckets and cookie secrets. All memory is fixed.

use crate::limits::{
    COOKIE_BUCKETS, COOKIE_SECRET_LIFETIME, COOKIES_PER_SOURCE_PRESSED, DH_PER_SECOND,
    DH_PER_SOURCE_PER_SECOND, HELLOS_FREE_PER_SECOND, PRESSED_FOR, SOURCE_BUCKETS,
};
use crate::mac::{mac, mac2_fits};
use crate::path::Path;
use crate::wire::MAC;
use zeroize::Zeroizing;

const SECOND: u64 = 1_000_000;

/// Lets `rate` things a second pass, and as many at once after a quiet second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    rate: u64,
    /// Millionths of a token.
    level: u64,
    at: u64,
}

impl Bucket {
    pub fn new(rate: u64) -> Bucket {
        Bucket {
            rate,
            level: rate * SECOND,
            at: 0,
        }
    }

    fn fill(&mut self, now: u64) {
        let passed = now.saturating_sub(self.at).min(SECOND);
        self.level = (self.level + passed * self.rate).min(self.rate * SECOND);
        self.at = self.at.max(now);
    }

    pub fn take(&mut self, now: u64) -> bool {
        self.fill(now);
        let enough = self.level >= SECOND;
        if enough {
            self.level -= SECOND;
        }
        enough
    }
}

struct CookieSecret {
    secret: Zeroizing<[u8; 32]>,
    since: u64,
}

pub(crate) struct Guard {
    free_hellos: Bucket,
    dh: Bucket,
    sources: Box<[Bucket; SOURCE_BUCKETS]>,
    /// Cookies by claimed source, which count while the way out is pressed.
    cookies: Box<[Bucket]>,
    pressed_until: u64,
    /// Keys the placing of sources, so that nobody can aim at another's bucket.
    place_key: Zeroizing<[u8; 32]>,
    current: CookieSecret,
    previous: CookieSecret,
}

impl Guard {
    pub fn new(mut fill: impl FnMut(&mut [u8])) -> Guard {
        let mut fresh = || {
            let mut secret = Zeroizing::new([0u8; 32]);
            fill(&mut secret[..]);
            secret
        };
        Guard {
            free_hellos: Bucket::new(HELLOS_FREE_PER_SECOND),
            dh: Bucket::new(DH_PER_SECOND),
            sources: Box::new([Bucket::new(DH_PER_SOURCE_PER_SECOND); SOURCE_BUCKETS]),
            cookies: vec![Bucket::new(COOKIES_PER_SOURCE_PRESSED); COOKIE_BUCKETS].into(),
            pressed_until: 0,
            place_key: fresh(),
            current: CookieSecret {
                secret: fresh(),
                since: 0,
            },
            previous: CookieSecret {
                secret: fresh(),
                since: 0,
            },
        }
    }

    /// True when the hello's mac2 proves that its sender receives at `path`.
    pub fn is_proven(&self, now: u64, path: &Path, hello: &[u8]) -> bool {
        if hello[hello.len() - MAC..] == [0; MAC] {
            return false;
        }
        [&self.current, &self.previous].into_iter().any(|s| {
            now.saturating_sub(s.since) <= 2 * COOKIE_SECRET_LIFETIME
                && mac2_fits(&mac(&s.secret[..], &[&path.key_bytes()]), hello)
        })
    }

    /// True for a hello without cookie while there are few of them.
    pub fn may_be_unproven(&mut self, now: u64) -> bool {
        self.free_hellos.take(now)
    }

    /// True when Diffie-Hellman work for this hello is within the limits. The share of a source counts only for
    /// senders that proved to be there; otherwise anybody could use up another's share.
    pub fn may_work(&mut self, now: u64, path: &Path, proven: bool) -> bool {
        if proven {
            let place = self.place(path);
            if !self.sources[place % SOURCE_BUCKETS].take(now) {
                return false;
            }
        }
        self.dh.take(now)
    }

    fn place(&self, path: &Path) -> usize {
        let place = mac(&self.place_key[..], &[&path.source_bytes()]);
        u32::from_be_bytes([place[0], place[1], place[2], place[3]]) as usize
    }

    /// What goes out piles up: for a while each claimed source gets few cookies. Made-up addresses of the own subnet hold
    /// on to what is sent to them until the system gives up finding them, and would take the room of everything else.
    pub fn press(&mut self, now: u64) {
        self.pressed_until = now + PRESSED_FOR;
    }

    /// True when a cookie may go to whoever claims to be at `path`.
    pub fn may_cookie(&mut self, now: u64, path: &Path) -> bool {
        if now >= self.pressed_until {
            return true;
        }
        let place = self.place(path) % COOKIE_BUCKETS;
        self.cookies[place].take(now)
    }

    /// The cookie for whoever receives at `path`; renews the secret when it is old.
    pub fn cookie(&mut self, now: u64, path: &Path, fill: impl FnOnce(&mut [u8])) -> [u8; MAC] {
        if now.saturating_sub(self.current.since) >= COOKIE_SECRET_LIFETIME {
            let mut secret = Zeroizing::new([0u8; 32]);
            fill(&mut secret[..]);
            let fresh = CookieSecret { secret, since: now };
            self.previous = std::mem::replace(&mut self.current, fresh);
        }
        mac(&self.current.secret[..], &[&path.key_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mac::append_macs;

    fn path(port: u16) -> Path {
        Path::Udp {
            socket: 0,
            remote: ([1, 2, 3, 4], port).into(),
        }
    }

    #[test]
    fn buckets_pass_their_rate() {
        let mut bucket = Bucket::new(40);
        let passed = (0..10_000u64).filter(|i| bucket.take(i * 1_000)).count();
        assert!((430..=441).contains(&passed), "{passed} in 10 s");
        let mut bucket = Bucket::new(40);
        assert_eq!((0..100).filter(|_| bucket.take(5)).count(), 40);
    }

    #[test]
    fn a_pressed_way_out_has_few_cookies_for_each_source() {
        let mut guard = Guard::new(|b| b.fill(7));
        let from = |last: u8| Path::Udp {
            socket: 0,
            remote: ([10, 0, 0, last], 9).into(),
        };
        assert!((0..100).all(|_| guard.may_cookie(0, &from(1))));
        guard.press(0);
        let passed =
            |guard: &mut Guard, now, last| (0..100).filter(|_| guard.may_cookie(now, &from(last))).count();
        assert_eq!(passed(&mut guard, 1, 1) as u64, COOKIES_PER_SOURCE_PRESSED);
        // Another's share is not used up by that.
        assert_eq!(passed(&mut guard, 1, 2) as u64, COOKIES_PER_SOURCE_PRESSED);
        assert_eq!(passed(&mut guard, PRESSED_FOR, 1), 100);
    }

    #[test]
    fn cookies_bind_address_port_and_time() {
        let mut seed = 0u8;
        let mut guard = Guard::new(|b| {
            seed += 1;
            b.fill(seed);
        });
        let cookie = guard.cookie(0, &path(1), |b| b.fill(77));
        let mut hello = b"hello".to_vec();
        append_macs(&mut hello, &[0; 32], Some(&cookie));
        assert!(guard.is_proven(0, &path(1), &hello));
        assert!(!guard.is_proven(0, &path(2), &hello));
        guard.cookie(COOKIE_SECRET_LIFETIME, &path(9), |b| b.fill(88));
        assert!(
            guard.is_proven(COOKIE_SECRET_LIFETIME, &path(1), &hello),
            "previous secret"
        );
        assert!(
            !guard.is_proven(2 * COOKIE_SECRET_LIFETIME + 1, &path(1), &hello),
            "at most 120 s"
        );
        guard.cookie(2 * COOKIE_SECRET_LIFETIME, &path(9), |b| b.fill(99));
        assert!(!guard.is_proven(2 * COOKIE_SECRET_LIFETIME, &path(1), &hello));
    }

    #[test]
    fn one_source_cannot_use_up_the_work_of_others() {
        let mut guard = Guard::new(|b| b.fill(1));
        let one = (0..1_000).filter(|_| guard.may_work(0, &path(1), true)).count() as u64;
        assert_eq!(one, DH_PER_SOURCE_PER_SECOND);
        let other = Path::Udp {
            socket: 0,
            remote: ([1, 2, 3, 5], 1).into(),
        };
        assert!(guard.may_work(0, &other, true));
    }
}
