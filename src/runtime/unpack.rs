//! Reading what was packed by gzip (RFC 1952) or zstd (RFC 8878), with a bound on what it may grow to.
//!
//! A few bytes may expand to gigabytes: whoever reads says piece by piece whether there is room for more.

use std::io::{self, BufRead, Read};

/// What is taken at a time.
pub const PIECE: usize = 64 * 1024;
/// Largest window of a zstd frame, as a power of two: 8 MiB, which RFC 8878 §3.1.1.1.2 asks every reader to have.
const ZSTD_WINDOW: u32 = 23;

/// How a text is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// How a file's name says that it is packed, and the name without that.
pub fn by_name(name: &str) -> (Packing, &str) {
    for (ending, packing) in [(".gz", Packing::Gzip), (".zst", Packing::Zstd)] {
        if let Some(rest) = name.strip_suffix(ending) {
            return (packing, rest);
        }
    }
    (Packing::Plain, name)
}

/// Why a packed text was not read.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The packed bytes are damaged, or end too soon.
    #[error("the packed text is damaged or does not end")]
    Damaged(#[source] io::Error),
    #[error("the packed text grows to more than {0} bytes: send several")]
    TooLarge(usize),
    /// Whoever reads has no room for more.
    #[error("there is no room for what the packed text grows to")]
    NoRoom,
}

/// A reader of the text in `packed`.
pub fn reader<'a>(packing: Packing, packed: impl BufRead + Send + 'a) -> io::Result<Box<dyn Read + Send + 'a>> {
    Ok(match packing {
        Packing::Plain => Box::new(packed),
        // Several members in a row are one text (RFC 1952 §2.2).
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
        Packing::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
            decoder.window_log_max(ZSTD_WINDOW)?;
            Box::new(decoder)
        }
    })
}

/// The whole text. `room` is asked before each piece, with the length of the text until then.
pub fn whole(
    packing: Packing,
    packed: &[u8],
    mut room: impl FnMut(usize) -> Result<(), UnpackError>,
) -> Result<Vec<u8>, UnpackError> {
    let mut reader = reader(packing, packed).map_err(UnpackError::Damaged)?;
    let mut text = Vec::new();
    loop {
        room(text.len())?;
        let piece = reader.by_ref().take(PIECE as u64).read_to_end(&mut text).map_err(UnpackError::Damaged)?;
        if piece < PIECE {
            return Ok(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(text, 1).unwrap()
    }

    fn unpacked(packing: Packing, packed: &[u8]) -> Result<Vec<u8>, UnpackError> {
        whole(packing, packed, |length| if length > 1024 * 1024 { Err(UnpackError::NoRoom) } else { Ok(()) })
    }

    proptest! {
        #[test]
        fn what_was_packed_is_read_back(text in prop::collection::vec(any::<u8>(), 0..200_000)) {
            prop_assert_eq!(&unpacked(Packing::Plain, &text).unwrap(), &text);
            prop_assert_eq!(&unpacked(Packing::Gzip, &gzip(&text)).unwrap(), &text);
            prop_assert_eq!(&unpacked(Packing::Zstd, &zstd(&text)).unwrap(), &text);
        }

        #[test]
        fn bytes_that_nobody_packed_are_damaged(text in prop::collection::vec(any::<u8>(), 20..2000)) {
            prop_assert!(unpacked(Packing::Gzip, &text).is_err());
            prop_assert!(unpacked(Packing::Zstd, &text).is_err());
        }
    }

    #[test]
    fn several_members_are_one_text() {
        let gzipped = [gzip(b"one\n"), gzip(b"two\n")].concat();
        assert_eq!(unpacked(Packing::Gzip, &gzipped).unwrap(), b"one\ntwo\n");
        let zstded = [zstd(b"one\n"), zstd(b"two\n")].concat();
        assert_eq!(unpacked(Packing::Zstd, &zstded).unwrap(), b"one\ntwo\n");
    }

    #[test]
    fn a_text_that_ends_too_soon_is_damaged() {
        for (packing, packed) in [(Packing::Gzip, gzip(&[7; 9000])), (Packing::Zstd, zstd(&[7; 9000]))] {
            let cut = &packed[..packed.len() - 3];
            assert!(matches!(unpacked(packing, cut), Err(UnpackError::Damaged(_))), "{packing:?}");
        }
    }

    #[test]
    fn a_text_that_grows_without_end_is_stopped_where_the_room_ends() {
        let zeros = vec![0; 64 * 1024 * 1024];
        for (packing, packed) in [(Packing::Gzip, gzip(&zeros)), (Packing::Zstd, zstd(&zeros))] {
            assert!(packed.len() < 1024 * 1024, "{}", packed.len());
            let mut asked = 0;
            let stopped = whole(packing, &packed, |length| {
                asked = length;
                if length >= 4 * PIECE { Err(UnpackError::NoRoom) } else { Ok(()) }
            });
            assert!(matches!(stopped, Err(UnpackError::NoRoom)), "{packing:?}");
            assert_eq!(asked, 4 * PIECE);
        }
    }

    #[test]
    fn a_window_larger_than_every_reader_has_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(26).unwrap();
        encoder.write_all(&vec![3; 70 * 1024 * 1024]).unwrap();
        assert!(matches!(unpacked(Packing::Zstd, &encoder.finish().unwrap()), Err(UnpackError::Damaged(_))));
    }
}
