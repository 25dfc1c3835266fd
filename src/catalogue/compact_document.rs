//! A document that is kept encoded, because a tree of [`Value`]s takes several times as much memory.

use std::fmt::Debug;

use super::value::Value;

/// An encoded document, whose values are decoded when they are read.
pub trait CompactDocument: Debug + Send + Sync {
    /// The value at a path of nested keys; the whole document at the empty path.
    fn get(&self, path: &[&str]) -> Option<Value>;

    /// The string at a path.
    fn text(&self, path: &[&str]) -> Option<String> {
        match self.get(path)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

#[cfg(test)]
impl CompactDocument for Value {
    fn get(&self, path: &[&str]) -> Option<Value> {
        let mut value = self;
        for key in path {
            value = value.get(key)?;
        }
        Some(value.clone())
    }
}
