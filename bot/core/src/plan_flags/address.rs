//! The address of a module or a resource, as `-target` and `-replace` take it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// In bytes. Modules in modules with long keys stay far below it.
const LONGEST: usize = 256;

/// What stands in front of something else than a resource (Terraform, "Expressions: References to
/// Named Values"), or needs not be written.
const NO_TYPES: &[&str] = &[
    "count",
    "each",
    "ephemeral",
    "local",
    "output",
    "path",
    "provider",
    "resource",
    "self",
    "terraform",
    "var",
];

/// An address: `aws_vpc.main`, `module.net["a"].data.aws_ami.x[0]`, `module.net`.
///
/// A grammar narrower than Terraform's: names of ASCII, no white space, indexes only as numbers or
/// quoted keys (<https://developer.hashicorp.com/terraform/cli/state/resource-addressing>).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

/// Why a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Too long.
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    /// No name where one has to be.
    #[error("a name of letters, digits, _ and - is missing at character {0}")]
    Name(usize),
    /// A type without a name, such as `aws_vpc` or `data.aws_ami`.
    #[error("a resource has a type and a name: TYPE.NAME")]
    NoName,
    /// A word that stands for no resource, such as `var.x`.
    #[error("{0}. is not the start of a resource or a module")]
    NoType(&'static str),
    /// Neither a number nor a quoted key.
    #[error("an index is [0] or [\"key\"], without spaces: character {0}")]
    Index(usize),
    /// A character that no key may have as it is, or an escape that there is not.
    #[error("a key can't have this at character {0}")]
    Key(usize),
    /// Something behind the end.
    #[error("nothing may follow at character {0}")]
    Rest(usize),
}

impl Address {
    /// The only way in.
    ///
    /// # Errors
    /// When it is not the address of a module, a resource or an instance of one.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.len() > LONGEST {
            return Err(AddressError::TooLong);
        }
        Reader { text, at: 0 }.address()?;
        Ok(Self(text.to_owned()))
    }

    /// Whether it is a resource that Terraform manages: no module, no data source.
    #[must_use]
    pub fn is_managed_resource(&self) -> bool {
        let read = Reader {
            text: &self.0,
            at: 0,
        }
        .address();
        read == Ok(What::Managed)
    }

    /// The address as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        Self::parse(&text)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

/// What an address is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Module,
    Managed,
    Data,
}

struct Reader<'t> {
    text: &'t str,
    /// In bytes; always at the start of a character.
    at: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// As people count: from one, in characters.
    fn place(&self) -> usize {
        self.text[..self.at].chars().count() + 1
    }

    fn skip(&mut self, text: &str) -> bool {
        let is_there = self.rest().starts_with(text);
        if is_there {
            self.at += text.len();
        }
        is_there
    }

    fn is_over(&self) -> bool {
        self.at == self.text.len()
    }

    fn address(&mut self) -> Result<What, AddressError> {
        while self.skip("module.") {
            self.name()?;
            self.index()?;
            if self.is_over() {
                return Ok(What::Module);
            }
            self.dot()?;
        }
        let what = if self.skip("data.") {
            What::Data
        } else {
            What::Managed
        };
        let kind = self.name()?;
        if let Some(word) = NO_TYPES.iter().find(|word| **word == kind) {
            return Err(AddressError::NoType(word));
        }
        // `module` and `data` themselves are the starts of something longer.
        if self.is_over() || matches!(kind, "module" | "data") {
            return Err(AddressError::NoName);
        }
        self.dot()?;
        self.name()?;
        self.index()?;
        if self.is_over() {
            Ok(what)
        } else {
            Err(AddressError::Rest(self.place()))
        }
    }

    fn dot(&mut self) -> Result<(), AddressError> {
        if self.skip(".") {
            Ok(())
        } else {
            Err(AddressError::Rest(self.place()))
        }
    }

    /// An identifier of HCL, as far as it is ASCII.
    fn name(&mut self) -> Result<&'t str, AddressError> {
        let rest = self.rest();
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let name = &rest[..end];
        if name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            self.at += end;
            Ok(name)
        } else {
            Err(AddressError::Name(self.place()))
        }
    }

    fn index(&mut self) -> Result<(), AddressError> {
        if !self.skip("[") {
            return Ok(());
        }
        if self.skip("\"") {
            self.key()?;
        } else {
            self.number()?;
        }
        if self.skip("]") {
            Ok(())
        } else {
            Err(AddressError::Index(self.place()))
        }
    }

    fn number(&mut self) -> Result<(), AddressError> {
        const DIGITS: usize = 9;
        let rest = self.rest();
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let digits = &rest[..end];
        let is_good =
            digits == "0" || (!digits.is_empty() && end <= DIGITS && !digits.starts_with('0'));
        if is_good {
            self.at += end;
            Ok(())
        } else {
            Err(AddressError::Index(self.place()))
        }
    }

    /// The rest of a quoted key, with its closing quote (HCL, "Template Literals": no newline, a
    /// doubled sign in front of a brace, these escapes). A backtick would be none of Terraform's
    /// business, but is nobody's key either.
    fn key(&mut self) -> Result<(), AddressError> {
        loop {
            let wrong = AddressError::Key(self.place());
            let rest = self.rest();
            let c = rest.chars().next().ok_or(wrong)?;
            let length = match c {
                '"' => {
                    self.at += 1;
                    return Ok(());
                }
                '\\' => escape(&rest[1..]).ok_or(wrong)? + 1,
                '$' | '%' if rest[1..].starts_with('{') => return Err(wrong),
                '$' | '%' if rest[1..].starts_with(c) && rest[2..].starts_with('{') => 3,
                '`' => return Err(wrong),
                c if is_hidden(c) => return Err(wrong),
                c => c.len_utf8(),
            };
            self.at += length;
        }
    }
}

/// How long an escape is behind its backslash.
fn escape(rest: &str) -> Option<usize> {
    let digits = match rest.chars().next()? {
        'n' | 'r' | 't' | '"' | '\\' => return Some(1),
        'u' => 4,
        'U' => 8,
        _ => return None,
    };
    let code = rest.get(1..=digits)?;
    let is_hex = code.bytes().all(|b| b.is_ascii_hexdigit());
    let is_char = u32::from_str_radix(code, 16)
        .ok()
        .and_then(char::from_u32)
        .is_some();
    (is_hex && is_char).then_some(digits + 1)
}

/// What could not be seen where the address is shown, or would end its line.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
