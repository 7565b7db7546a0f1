"""config_keys.py finds the keys that nobody obeys, and takes no other field of the same name for them."""

import unittest

import config_keys

SCHEMA = """
message RunConfig {
  optional RolloutSection rollout = 1;
  optional LearnerSection learner = 2;
}
message RolloutSection {
  optional uint32 threads = 1;
  repeated string files = 2;
}
message LearnerSection {
  optional uint32 threads = 1;
  optional ObjectiveConfig objective = 2;
}
message ObjectiveConfig {
  optional double alpha = 1;
}
"""


class ConfigKeysTest(unittest.TestCase):
    def unread(self, **sources):
        return config_keys.unread(SCHEMA, {path.replace("__", "/") + ".cc": text for path, text in sources.items()})

    def test_without_code_no_key_is_read(self):
        self.assertEqual(self.unread(), ["rollout.threads", "rollout.files", "learner.threads", "learner.objective.alpha"])

    def test_a_chain_reads_the_field_of_its_own_section_alone(self):
        code = "void F(const v1::RunConfig& config) { Use(config.learner().threads(), config.rollout().files_size()); }"
        self.assertEqual(self.unread(learner__main=code), ["rollout.threads", "learner.objective.alpha"])

    def test_variables_and_members_are_followed(self):
        code = """int F(RoleContext& role) {
                    const auto& rollout = role.config.rollout();
                    return rollout.threads();
                  }"""
        header = "struct RoleContext { v1::RunConfig config; };"
        sources = {"learner/main.cc": code, "services/process/role_main.h": header}
        self.assertNotIn("rollout.threads", config_keys.unread(SCHEMA, sources))
        self.assertIn("learner.threads", config_keys.unread(SCHEMA, sources))

    def test_checking_a_key_is_not_obeying_it(self):
        code = "bool F(const v1::RolloutSection& rollout) { return rollout.threads() > 0; }"
        self.assertIn("rollout.threads", self.unread(services__config__config_validation=code))
        self.assertNotIn("rollout.threads", self.unread(rollout_worker__main=code))

    def test_objectives_name_their_parameters(self):
        self.assertNotIn("learner.objective.alpha", self.unread(learner__objectives__x='in.AtLeast("alpha", p.alpha, 0);'))


if __name__ == "__main__":
    unittest.main()
