"""Rendered chats against transformers' apply_chat_template, for templates in the style of well-known models."""

import json
import tempfile
import unittest
from pathlib import Path

from transformers import PreTrainedTokenizerFast

from reference import FALLBACK_TEXTS, QWEN2_SPLIT, SOURCE, probe, train_tokenizer

TEMPLATES = Path(__file__).parent / "templates"
USER = {"role": "user", "content": "What is 1+1?"}
CHATS = [
    [USER],
    [{"role": "system", "content": "Reason step by step, <b>\"quoted\"</b> & 'so'.\n"}, USER],
    [USER, {"role": "assistant", "content": "<think>\none and one\n</think>\n\n\\boxed{2}"}, {"role": "user", "content": " and 2+2? "}],
    [{"role": "system", "content": ""}, {"role": "user", "content": "{{ not_a_template }} {% if %} \u00e4\u4e2d\U0001f600 \u2028 \\n\t"}],
    [USER, {"role": "assistant", "content": "2"}],
    [USER, {"role": "system", "content": "late system turn"}, {"role": "user", "content": "line\r\nbreaks  "}],
    [{"role": "assistant", "content": "assistant first"}],
]


class ChatTemplateParityTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        tokenizer = train_tokenizer(QWEN2_SPLIT, FALLBACK_TEXTS, vocab_size=300)
        self.reference = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, bos_token="<|endoftext|>", eos_token="<|im_end|>", pad_token="<|endoftext|>")

    def expected(self, chat, generation_prompt):
        try:
            text = self.reference.apply_chat_template(chat, tokenize=False, add_generation_prompt=generation_prompt)
        except Exception as error:  # A template may refuse a chat; ours must refuse it too.
            return None, str(error)
        return text, None

    def check(self, template):
        self.reference.chat_template = template
        self.reference.save_pretrained(self.folder)
        requests = [{"op": "chat", "messages": chat, "generation_prompt": prompt} for chat in CHATS for prompt in (False, True)]
        for request, answer in zip(requests, probe(self.folder, requests)):
            text, error = self.expected(request["messages"], request["generation_prompt"])
            self.assertEqual(answer.get("text"), text, (request, answer, error))
            if error is not None and "raise" in template:
                self.assertIn(error, answer["error"])

    def test_templates_render_alike(self):
        paths = sorted(TEMPLATES.glob("*.jinja"))
        self.assertGreater(len(paths), 3)
        for path in paths:
            with self.subTest(path.name):
                self.check(path.read_text(encoding="utf-8"))

    def test_a_template_inside_the_tokenizer_config_renders_alike(self):
        self.reference.chat_template = (TEMPLATES / "qwen2_5.jinja").read_text(encoding="utf-8")
        self.reference.save_pretrained(self.folder)
        (self.folder / "chat_template.jinja").unlink(missing_ok=True)
        path = self.folder / "tokenizer_config.json"
        config = json.loads(path.read_text())
        for form in (self.reference.chat_template, [{"name": "default", "template": self.reference.chat_template}]):
            path.write_text(json.dumps({**config, "chat_template": form}))
            answer = probe(self.folder, [{"op": "chat", "messages": CHATS[1], "generation_prompt": True}])[0]
            self.assertEqual(answer["text"], self.expected(CHATS[1], True)[0])

    def test_templates_of_the_examples_render_alike(self):
        for path in sorted((SOURCE / "examples").rglob("chat_template.jinja")):
            with self.subTest(str(path)):
                self.check(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    unittest.main()
