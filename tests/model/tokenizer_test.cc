#include "model/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/tokenizer/crc32c.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Words split at spaces; one special token.
constexpr char kTokenizer[] = R"({
  "version": "1.0", "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
  "padding": null, "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null,
  "decoder": null,
  "added_tokens": [{"id": 4, "content": "<end>", "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": true}],
  "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "one": 1, "two": 2, "\uFFFD": 3}}})";

class TokenizerTest : public ::testing::Test {
 protected:
  TokenizerTest() { folder_.Write("tokenizer.json", kTokenizer); }

  std::unique_ptr<Tokenizer> Load() const {
    auto tokenizer = Tokenizer::Load(folder_.path());
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
    return *std::move(tokenizer);
  }
  std::string LoadError() const { return std::string(Tokenizer::Load(folder_.path()).status().message()); }
  std::string Render(const std::string& chat_template) const {
    folder_.Write("chat_template.jinja", chat_template);
    const auto text = Load()->ApplyChatTemplate({{"system", "be brief"}, {"user", "<hi> \xC3\xA4"}}, true);
    return text.ok() ? *text : std::string(text.status().message());
  }

  const TempDir folder_;
};

TEST_F(TokenizerTest, EncodesWholeTextWhateverTheFileSaysAboutTruncation) {
  EXPECT_THAT(*Load()->Encode("one two two <end>", false), ElementsAre(1, 2, 2, 4));
  EXPECT_THAT(*Load()->Encode("", false), IsEmpty());
}

TEST_F(TokenizerTest, InvalidUtf8BecomesTheReplacementCharacter) {
  EXPECT_THAT(*Load()->Encode("one \xFF two", false), ElementsAre(1, 3, 2));
}

TEST_F(TokenizerTest, DecodesKnownIdsAndSkipsIdsWithoutAToken) {
  const auto tokenizer = Load();
  EXPECT_EQ(*tokenizer->Decode(std::vector<int64_t>{1, 4, 2}, true), "one two");
  EXPECT_EQ(*tokenizer->Decode(std::vector<int64_t>{1, 4, 2}, false), "one <end> two");
  EXPECT_EQ(*tokenizer->Decode(std::vector<int64_t>{1, 999}, false), "one");
  EXPECT_EQ(*tokenizer->Decode(std::vector<int64_t>{}, false), "");
  EXPECT_TRUE(absl::IsInvalidArgument(tokenizer->Decode(std::vector<int64_t>{-1}, false).status()));
}

TEST_F(TokenizerTest, KnowsItsVocabulary) {
  EXPECT_EQ(Load()->vocab_size(), 5);
  EXPECT_EQ(Load()->TokenId("<end>"), 4);
  EXPECT_EQ(Load()->TokenId("three"), std::nullopt);
}

TEST_F(TokenizerTest, AMissingOrBrokenFileIsNamed) {
  folder_.Write("tokenizer.json", "{\"version\": \"1.0\"");
  EXPECT_THAT(LoadError(), HasSubstr("/tokenizer.json: "));
  std::filesystem::remove(folder_.File("tokenizer.json"));
  EXPECT_TRUE(absl::IsNotFound(Tokenizer::Load(folder_.path()).status()));
}

TEST_F(TokenizerTest, StopTokensComeFromTheGenerationConfigElseFromTheConfig) {
  EXPECT_THAT(Load()->stop_token_ids(), IsEmpty());
  folder_.Write("config.json", R"({"eos_token_id": 4})");
  EXPECT_THAT(Load()->stop_token_ids(), ElementsAre(4));
  folder_.Write("generation_config.json", R"({"eos_token_id": null})");
  EXPECT_THAT(Load()->stop_token_ids(), ElementsAre(4));
  folder_.Write("generation_config.json", R"({"eos_token_id": [4, 2]})");
  EXPECT_THAT(Load()->stop_token_ids(), ElementsAre(4, 2));
  folder_.Write("generation_config.json", R"({"eos_token_id": "<end>"})");
  EXPECT_THAT(LoadError(), HasSubstr("generation_config.json: field \"eos_token_id\" must be a token id"));
}

TEST_F(TokenizerTest, WithoutAChatTemplateTextOrTokensMustBeGiven) {
  EXPECT_TRUE(absl::IsFailedPrecondition(Load()->ApplyChatTemplate({{"user", "hi"}}, true).status()));
}

TEST_F(TokenizerTest, ChatTemplatesComeFromTheirOwnFileElseFromTheTokenizerConfig) {
  folder_.Write("tokenizer_config.json", R"({"chat_template": "from config"})");
  EXPECT_EQ(*Load()->ApplyChatTemplate({}, false), "from config");
  folder_.Write("tokenizer_config.json",
                R"({"chat_template": [{"name": "x", "template": "x"}, {"name": "default", "template": "named"}]})");
  EXPECT_EQ(*Load()->ApplyChatTemplate({}, false), "named");
  EXPECT_EQ(Render("from file"), "from file");
  std::filesystem::remove(folder_.File("chat_template.jinja"));
  folder_.Write("tokenizer_config.json", R"({"chat_template": [{"name": "x", "template": "x"}]})");
  EXPECT_THAT(LoadError(), HasSubstr("tokenizer_config.json: field \"chat_template\" must be"));
}

TEST_F(TokenizerTest, TemplatesSeeMessagesAndSpecialTokens) {
  folder_.Write("tokenizer_config.json", R"({"bos_token": "<s>", "eos_token": {"content": "<end>"}})");
  EXPECT_EQ(Render("{{ bos_token }}{% for m in messages %}{{ m.role + ': ' + m['content'] + eos_token }}{% endfor %}"),
            "<s>system: be brief<end>user: <hi> \xC3\xA4<end>");
  EXPECT_EQ(Render("{% if tools %}tools{% endif %}{% if add_generation_prompt %}go{% endif %}"), "go");
}

TEST_F(TokenizerTest, TemplatesTrimBlocksBreakLoopsAndCallPythonMethods) {
  EXPECT_EQ(Render("  {% if true %}\nx\n  {% endif %}\n"), "x\n");
  EXPECT_EQ(
      Render("{% for m in messages %}{% if loop.index0 == 1 %}{% break %}{% endif %}{{ m.role.upper() }}{% endfor %}"),
      "SYSTEM");
  EXPECT_EQ(Render("{{ messages[1].content.split('>')[0].strip('<') }}"), "hi");
  EXPECT_EQ(Render("{% generation %}a{%- endgeneration -%} b"), "ab");
}

TEST_F(TokenizerTest, ToJsonWritesWhatPythonWrites) {
  EXPECT_EQ(Render("{{ messages[1] | tojson }}"), "{\"role\": \"user\", \"content\": \"<hi> \xC3\xA4\"}");
  EXPECT_EQ(Render("{{ [1, 2.5, none, true, 'a\"\\n'] | tojson(indent=2) }}"),
            "[\n  1,\n  2.5,\n  null,\n  true,\n  \"a\\\"\\n\"\n]");
}

TEST_F(TokenizerTest, ATemplateThatRaisesGivesItsMessage) {
  EXPECT_THAT(Render("{{ raise_exception('only user turns') }}"), HasSubstr("chat template: only user turns"));
}

TEST_F(TokenizerTest, ATemplateThatDoesNotParseIsRefusedAtLoad) {
  folder_.Write("chat_template.jinja", "{% if %}");
  EXPECT_THAT(LoadError(), HasSubstr("chat template: "));
}

TEST(Crc32cTest, AgreesWithTheCheckValueOfItsDefinition) { EXPECT_EQ(Crc32c("123456789"), 0xE3069283u); }

}  // namespace
}  // namespace maspo
