#pragma once

#include <cstddef>
#include <cstdint>

// The C interface of the Rust library beside this file (src/lib.rs). Text is any bytes: invalid UTF-8 is replaced by
// U+FFFD. No call throws or unwinds. Handles are constant after construction, so threads may share them.
extern "C" {

struct MaspoTokenizerHandle;
struct MaspoTemplateHandle;

// Owned by the caller; given back with maspo_bytes_free. `data` is null when `size` is 0.
struct MaspoBytes {
  uint8_t* data;
  size_t size;
};

// The result, or with `ok` false a sentence that says what was wrong.
struct MaspoOutcome {
  bool ok;
  MaspoBytes bytes;
};

void maspo_bytes_free(MaspoBytes bytes);

// tokenizer.json. Null with `error` set on failure.
MaspoTokenizerHandle* maspo_tokenizer_new(const char* json, size_t size, MaspoBytes* error);
void maspo_tokenizer_free(MaspoTokenizerHandle* tokenizer);
// The bytes are int64 token ids in the machine's byte order.
MaspoOutcome maspo_tokenizer_encode(const MaspoTokenizerHandle* tokenizer, const char* text, size_t size,
                                    bool add_special_tokens);
MaspoOutcome maspo_tokenizer_decode(const MaspoTokenizerHandle* tokenizer, const int64_t* ids, size_t count,
                                    bool skip_special_tokens);
int64_t maspo_tokenizer_token_id(const MaspoTokenizerHandle* tokenizer, const char* token, size_t size);  // -1: none.
size_t maspo_tokenizer_vocab_size(const MaspoTokenizerHandle* tokenizer);

// A Jinja chat template. Null with `error` set on failure.
MaspoTemplateHandle* maspo_template_new(const char* source, size_t size, MaspoBytes* error);
void maspo_template_free(MaspoTemplateHandle* chat_template);
// `context` is a JSON object: the template's variables.
MaspoOutcome maspo_template_render(const MaspoTemplateHandle* chat_template, const char* context, size_t size);

MaspoOutcome maspo_repair_utf8(const char* text, size_t size);
uint32_t maspo_crc32c(const char* bytes, size_t size);

}  // extern "C"
