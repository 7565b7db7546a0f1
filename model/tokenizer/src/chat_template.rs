//! Chat templates in the Jinja environment that transformers gives them.

use minijinja::{context, value::Kwargs, value::Value, Environment, Error, ErrorKind};

use crate::python_json;

const NAME: &str = "chat_template";

pub struct ChatTemplate {
    environment: Environment<'static>,
}

impl ChatTemplate {
    pub fn compile(source: &str) -> Result<Self, String> {
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_filter("tojson", to_json);
        environment.add_function("raise_exception", raise_exception);
        environment.add_function("strftime_now", strftime_now);
        environment
            .add_template_owned(NAME, without_generation_tags(source))
            .map_err(describe)?;
        Ok(ChatTemplate { environment })
    }

    pub fn render(&self, context_json: &[u8]) -> Result<Vec<u8>, String> {
        let variables: serde_json::Value = serde_json::from_slice(context_json).map_err(|error| error.to_string())?;
        let template = self.environment.get_template(NAME).map_err(describe)?;
        let variables = context! { ..Value::from_serialize(&variables) };
        template.render(variables).map(String::into_bytes).map_err(describe)
    }
}

fn describe(error: Error) -> String {
    // The text given to raise_exception() is the whole message.
    if error.kind() == ErrorKind::InvalidOperation && error.detail().is_some_and(|text| text.starts_with(RAISED)) {
        return error.detail().unwrap_or_default()[RAISED.len()..].to_string();
    }
    error.to_string()
}

const RAISED: &str = "raise_exception: ";

fn raise_exception(message: String) -> Result<String, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, format!("{RAISED}{message}")))
}

fn to_json(value: Value, options: Kwargs) -> Result<Value, Error> {
    let invalid = |error: serde_json::Error| Error::new(ErrorKind::InvalidOperation, error.to_string());
    let indent: Option<usize> = options.get("indent")?;
    let sort_keys: Option<bool> = options.get("sort_keys")?;
    let ensure_ascii: Option<bool> = options.get("ensure_ascii")?;
    options.assert_all_used()?;
    let json = serde_json::to_value(&value).map_err(invalid)?;
    let text = python_json::dumps(&json, indent, sort_keys.unwrap_or(false), ensure_ascii.unwrap_or(false));
    Ok(Value::from_safe_string(text))
}

/// Local time in C's strftime format, which is what Python calls.
fn strftime_now(format: String) -> Result<String, Error> {
    let invalid = || Error::new(ErrorKind::InvalidOperation, "strftime_now: bad format");
    let format = std::ffi::CString::new(format).map_err(|_| invalid())?;
    let mut buffer = vec![0u8; 4096];
    // SAFETY: the buffer's size is passed, the format ends with a zero, `parts` is filled before it is read.
    let written = unsafe {
        let now = libc::time(std::ptr::null_mut());
        let mut parts: libc::tm = std::mem::zeroed();
        libc::localtime_r(&now, &mut parts);
        libc::strftime(buffer.as_mut_ptr().cast(), buffer.len(), format.as_ptr(), &parts)
    };
    buffer.truncate(written);
    String::from_utf8(buffer).map_err(|_| invalid())
}

/// `{% generation %} ... {% endgeneration %}` marks what the assistant wrote, for training masks. It prints its body, so it
/// becomes an `if true`.
fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(begin) = rest.find("{%") {
        let (before, tag) = rest.split_at(begin);
        let end = tag.find("%}").map_or(tag.len(), |end| end + 2);
        let word = tag[2..end]
            .trim_end_matches("%}")
            .trim_matches(|c: char| c == '-' || c == '+' || c.is_whitespace());
        out.push_str(before);
        match word {
            "generation" => out.push_str(&tag[..end].replacen("generation", "if true", 1)),
            "endgeneration" => out.push_str(&tag[..end].replacen("endgeneration", "endif", 1)),
            _ => out.push_str(&tag[..end]),
        }
        rest = &tag[end..];
    }
    out + rest
}
