//! JSON text as Python's json.dumps writes it: ", " and ": " between items, non-ASCII kept unless asked otherwise.

use serde_json::Value;

pub fn dumps(value: &Value, indent: Option<usize>, sort_keys: bool, ensure_ascii: bool) -> String {
    let mut writer = Writer {
        out: String::new(),
        indent,
        sort_keys,
        ensure_ascii,
    };
    writer.value(value, 0);
    writer.out
}

struct Writer {
    out: String,
    indent: Option<usize>,
    sort_keys: bool,
    ensure_ascii: bool,
}

impl Writer {
    fn value(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Array(items) => self.items('[', ']', items.iter(), depth, |writer, item| {
                writer.value(item, depth + 1);
            }),
            Value::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                if self.sort_keys {
                    fields.sort_by_key(|(name, _)| name.chars().collect::<Vec<_>>());
                }
                self.items('{', '}', fields.into_iter(), depth, |writer, (name, field)| {
                    writer.text(name);
                    writer.out.push_str(": ");
                    writer.value(field, depth + 1);
                });
            }
            Value::String(text) => self.text(text),
            scalar => self.out.push_str(&scalar.to_string()),
        }
    }

    fn items<T>(
        &mut self,
        open: char,
        close: char,
        items: impl ExactSizeIterator<Item = T>,
        depth: usize,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.out.push(open);
        let empty = items.len() == 0;
        for (i, item) in items.enumerate() {
            if i > 0 {
                self.out.push_str(if self.indent.is_some() { "," } else { ", " });
            }
            self.new_line(depth + 1);
            write(self, item);
        }
        if !empty {
            self.new_line(depth);
        }
        self.out.push(close);
    }

    fn new_line(&mut self, depth: usize) {
        if let Some(indent) = self.indent {
            self.out.push('\n');
            self.out.push_str(&" ".repeat(indent * depth));
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                c if (c as u32) < 0x20 || (self.ensure_ascii && !c.is_ascii()) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        self.out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}
