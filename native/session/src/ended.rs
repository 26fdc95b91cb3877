//! Streams that end without a word. Who only receives sends nothing that an answer could be missed to, so a way that dies under a
//! stream would go unnoticed until the next idle ping: the end of a stream is asked about, once.

use crate::hop::Traffic;
use crate::limits::STREAM_FRAMES;

/// The window over which frames are counted, µs.
const S: u64 = 1_000_000;

/// Whether frames come at the rate of a stream.
#[derive(Debug, Default)]
pub(crate) struct StreamWatch {
    /// Frames heard up to the begin of this second.
    frames: u64,
    /// Begin of this second, µs.
    since: u64,
    runs: bool,
    /// The last frame of the stream whose end was asked about.
    asked: u64,
}

impl StreamWatch {
    /// True once for each end of a stream: nothing came for `patience` after a second with many frames.
    pub fn ended(&mut self, now: u64, heard: &Traffic, patience: u64) -> bool {
        if now >= self.since + S {
            let frames = heard.frames - self.frames.min(heard.frames);
            // What came before the silence decides, not the silence.
            let silent = now >= heard.last_data + patience;
            self.runs = frames >= STREAM_FRAMES || (self.runs && silent && heard.last_data != self.asked);
            self.frames = heard.frames;
            self.since = now;
        }
        let over = self.runs && heard.last_data != self.asked && now >= heard.last_data + patience;
        if over {
            self.asked = heard.last_data;
            self.runs = false;
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::STREAM_SILENCE;

    const MS: u64 = 1_000;

    fn heard(frames: u64, last_data: u64) -> Traffic {
        Traffic {
            last: last_data,
            last_data,
            last_cast: 0,
            bytes: frames * 100,
            frames,
            ..Traffic::default()
        }
    }

    /// Looks every 100 ms while `rate` frames a second come until `end`, then for five seconds more; when it asked.
    fn asks(rate: u64, end: u64) -> Vec<u64> {
        let mut watch = StreamWatch::default();
        let mut asked = Vec::new();
        for look in 1..(end / (100 * MS) + 50) {
            let now = look * 100 * MS;
            let at = now.min(end);
            if watch.ended(now, &heard(at * rate / S, at), STREAM_SILENCE) {
                asked.push(now);
            }
        }
        asked
    }

    #[test]
    fn the_end_of_a_stream_is_asked_about_once_and_soon() {
        let end = 3_250 * MS;
        let asked = asks(200, end);
        assert_eq!(asked.len(), 1, "{asked:?}");
        assert!(asked[0] <= end + STREAM_SILENCE + 100 * MS, "{asked:?}");
    }

    #[test]
    fn a_few_frames_are_no_stream() {
        assert_eq!(asks(STREAM_FRAMES / 2, 4 * S), Vec::<u64>::new());
    }

    #[test]
    fn each_stream_is_asked_about_anew() {
        let mut watch = StreamWatch::default();
        let mut asked = 0;
        let mut frames = 0;
        let mut last = 0;
        for look in 1..120u64 {
            let now = look * 100 * MS;
            // Two seconds on, two seconds off.
            if now / (2 * S) % 2 == 0 {
                frames += 10;
                last = now;
            }
            asked += u32::from(watch.ended(now, &heard(frames, last), STREAM_SILENCE));
        }
        assert_eq!(asked, 3);
    }
}
