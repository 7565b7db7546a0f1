//! A tokenizer.json.

use tokenizers::Tokenizer;

pub struct TextTokenizer {
    tokenizer: Tokenizer,
}

impl TextTokenizer {
    pub fn from_json(json: &[u8]) -> Result<Self, String> {
        let mut tokenizer = Tokenizer::from_bytes(json).map_err(|error| error.to_string())?;
        // transformers turns off what the file says about both unless a caller asks for them.
        tokenizer.with_truncation(None).map_err(|error| error.to_string())?;
        tokenizer.with_padding(None);
        Ok(TextTokenizer { tokenizer })
    }

    pub fn encode(&self, text: &str, add_special_tokens: bool) -> Result<Vec<u8>, String> {
        let encoding = self
            .tokenizer
            .encode_fast(text, add_special_tokens)
            .map_err(|error| error.to_string())?;
        Ok(encoding
            .get_ids()
            .iter()
            .flat_map(|id| i64::from(*id).to_ne_bytes())
            .collect())
    }

    /// Ids without a token (rows that only pad the embedding) decode to nothing, as in transformers.
    pub fn decode(&self, ids: &[i64], skip_special_tokens: bool) -> Result<Vec<u8>, String> {
        let ids = ids
            .iter()
            .map(|id| u32::try_from(*id).map_err(|_| format!("token id {id} is not possible")))
            .collect::<Result<Vec<u32>, String>>()?;
        let text = self
            .tokenizer
            .decode(&ids, skip_special_tokens)
            .map_err(|error| error.to_string())?;
        Ok(text.into_bytes())
    }

    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    pub fn vocab_size(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }
}
