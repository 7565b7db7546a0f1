//! What C++ takes from crates.io, behind a small C interface (maspo_rust.h): the Hugging Face tokenizers, Jinja chat
//! templates and CRC-32C.
//!
//! Every function catches panics. Text goes in as a pointer and a length, any bytes; results come back as an `Outcome`
//! whose memory the caller gives back with `maspo_bytes_free`.

mod chat_template;
mod ffi;
mod python_json;
mod text_tokenizer;

use chat_template::ChatTemplate;
use ffi::{bytes_of, guarded, guarded_handle, text_of, Bytes, Outcome};
use text_tokenizer::TextTokenizer;

/// # Safety
/// `bytes` came from this library and is not used afterwards.
#[no_mangle]
pub unsafe extern "C" fn maspo_bytes_free(bytes: Bytes) {
    bytes.free();
}

/// # Safety
/// `json` points to `size` bytes; `error` is writable.
#[no_mangle]
pub unsafe extern "C" fn maspo_tokenizer_new(json: *const u8, size: usize, error: *mut Bytes) -> *mut TextTokenizer {
    guarded_handle(error, || TextTokenizer::from_json(bytes_of(json, size)))
}

/// # Safety
/// `tokenizer` came from maspo_tokenizer_new and is not used afterwards.
#[no_mangle]
pub unsafe extern "C" fn maspo_tokenizer_free(tokenizer: *mut TextTokenizer) {
    drop(Box::from_raw(tokenizer));
}

/// The outcome's bytes are int64 token ids in the machine's byte order.
/// # Safety
/// `tokenizer` is alive; `text` points to `size` bytes.
#[no_mangle]
pub unsafe extern "C" fn maspo_tokenizer_encode(
    tokenizer: *const TextTokenizer,
    text: *const u8,
    size: usize,
    add_special_tokens: bool,
) -> Outcome {
    guarded(|| (*tokenizer).encode(&text_of(text, size), add_special_tokens))
}

/// # Safety
/// `tokenizer` is alive; `ids` points to `count` integers.
#[no_mangle]
pub unsafe extern "C" fn maspo_tokenizer_decode(
    tokenizer: *const TextTokenizer,
    ids: *const i64,
    count: usize,
    skip_special_tokens: bool,
) -> Outcome {
    let ids: &[i64] = if count == 0 {
        &[]
    } else {
        std::slice::from_raw_parts(ids, count)
    };
    guarded(|| (*tokenizer).decode(ids, skip_special_tokens))
}

/// -1: there is no such token.
/// # Safety
/// `tokenizer` is alive; `token` points to `size` bytes.
#[no_mangle]
pub unsafe extern "C" fn maspo_tokenizer_token_id(
    tokenizer: *const TextTokenizer,
    token: *const u8,
    size: usize,
) -> i64 {
    (*tokenizer).token_id(&text_of(token, size)).map_or(-1, i64::from)
}

/// # Safety
/// `tokenizer` is alive.
#[no_mangle]
pub unsafe extern "C" fn maspo_tokenizer_vocab_size(tokenizer: *const TextTokenizer) -> usize {
    (*tokenizer).vocab_size()
}

/// # Safety
/// `source` points to `size` bytes; `error` is writable.
#[no_mangle]
pub unsafe extern "C" fn maspo_template_new(source: *const u8, size: usize, error: *mut Bytes) -> *mut ChatTemplate {
    guarded_handle(error, || ChatTemplate::compile(&text_of(source, size)))
}

/// # Safety
/// `template` came from maspo_template_new and is not used afterwards.
#[no_mangle]
pub unsafe extern "C" fn maspo_template_free(template: *mut ChatTemplate) {
    drop(Box::from_raw(template));
}

/// `context` is a JSON object: the template's variables.
/// # Safety
/// `template` is alive; `context` points to `size` bytes.
#[no_mangle]
pub unsafe extern "C" fn maspo_template_render(
    template: *const ChatTemplate,
    context: *const u8,
    size: usize,
) -> Outcome {
    guarded(|| (*template).render(bytes_of(context, size)))
}

/// Invalid UTF-8 becomes U+FFFD, as Python's errors="replace" does.
/// # Safety
/// `text` points to `size` bytes.
#[no_mangle]
pub unsafe extern "C" fn maspo_repair_utf8(text: *const u8, size: usize) -> Outcome {
    guarded(|| Ok(text_of(text, size).into_owned().into_bytes()))
}

/// CRC-32C (Castagnoli).
/// # Safety
/// `bytes` points to `size` bytes.
#[no_mangle]
pub unsafe extern "C" fn maspo_crc32c(bytes: *const u8, size: usize) -> u32 {
    crc32c::crc32c(bytes_of(bytes, size))
}
