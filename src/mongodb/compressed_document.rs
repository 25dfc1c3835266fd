//! A document that is kept for a long time and read now and then: encoded and compressed.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use mongodb::bson::{Document, RawBsonRef, RawDocumentBuf};

use super::bson::value;
use crate::catalogue::{CompactDocument, Value};

/// A compressed document.
#[derive(Debug)]
pub struct CompressedDocument(Box<[u8]>);

impl CompressedDocument {
    /// Compresses a document.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn new(document: &Document) -> io::Result<Self> {
        let bson = RawDocumentBuf::try_from(document).map_err(io::Error::other)?;
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bson.as_bytes())?;
        Ok(Self(encoder.finish()?.into()))
    }

    fn decompressed(&self) -> Option<RawDocumentBuf> {
        let mut bson = Vec::new();
        DeflateDecoder::new(&*self.0).read_to_end(&mut bson).ok()?;
        RawDocumentBuf::from_bytes(bson).ok()
    }
}

impl CompactDocument for CompressedDocument {
    fn get(&self, path: &[&str]) -> Option<Value> {
        let document = self.decompressed()?;
        let mut found = RawBsonRef::Document(&document);
        for key in path {
            found = found.as_document()?.get(key).ok()??;
        }
        value(&found.try_into().ok()?)
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Bson, doc};

    use super::*;
    use crate::mongodb::bson::object;

    #[test]
    fn values_are_decoded_where_a_path_leads() {
        let document = doc! { "a": { "b": [1, "text"], "c": "found" }, "d": 2.5, "e": Bson::Null };
        let compressed = CompressedDocument::new(&document).expect("it can be encoded");
        assert_eq!(compressed.get(&[]), Some(object(&document)));
        assert_eq!(compressed.get(&["d"]), Some(Value::Number(2.5)));
        assert_eq!(compressed.get(&["e"]), Some(Value::Null));
        assert_eq!(compressed.get(&["d", "b"]), None);
        assert_eq!(compressed.get(&["b"]), None);
        assert_eq!(compressed.text(&["a", "c"]).as_deref(), Some("found"));
        assert_eq!(compressed.text(&["a", "b"]), None);
    }
}
