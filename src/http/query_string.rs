//! The parameters in a request's query string.

use hyper::Request;
use hyper::body::Incoming;

/// Names and values in order; names may repeat.
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The parameters of a request.
    pub fn of(request: &Request<Incoming>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// All values of a name.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter_map(move |(key, value)| (key == name).then_some(value.as_str()))
    }

    /// The first value of a name.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The value of a name that occurs once, unless it is empty.
    pub fn once(&self, name: &str) -> Option<&str> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (Some(value), None) => Some(value).filter(|text| !text.is_empty()),
            _ => None,
        }
    }
}
