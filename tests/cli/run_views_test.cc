// What is made for people out of a run's files and status: lines, page and trace.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <sstream>

#include "cli/report/html.h"
#include "cli/report/line_chart.h"
#include "cli/report/report_page.h"
#include "cli/trace/group_timeline.h"
#include "cli/trace/trace_formats.h"
#include "cli/train/gpu_placement.h"
#include "cli/train/row_stream.h"
#include "cli/train/run_lines.h"
#include "cli/train/source_names.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kHostile[] = "</pre><script>alert('x')</script>\x01\xff";

TEST(SourceNamesTest, ASourceThatNoProblemHasIsNamed) {
  v1::RewardSection reward;
  for (const char* entry : {"prime_math", "aime=prime_math", "amie=default"}) reward.add_rule_sets(entry);
  for (const char* entry : {"format=0.1", "aime/length=1", "sums/length=1"}) reward.add_terms(entry);
  for (const char* entry : {"aime=http://127.0.0.1:1/a=b", "code=grpc://127.0.0.1:1"})
    reward.add_external_scorers(entry);
  const std::string none = "no problem of data.train or data.eval has the source ";
  EXPECT_THAT(UnknownSources(reward, {"aime", "math"}),
              ElementsAre("reward.rule_sets: " + none + "amie (they have: aime, math)",
                          "reward.terms: " + none + "sums (they have: aime, math)",
                          "reward.external_scorers: " + none + "code (they have: aime, math)"));
}

TEST(RunLinesTest, TellsStepRewardTimeAndWorkers) {
  v1::RunStatus status;
  status.set_step(25);
  status.set_total_steps(100);
  status.set_phase("rollout");
  status.set_waiting_for("3 of 16 groups");
  status.add_workers()->mutable_status()->set_phase("generating");
  status.add_workers()->mutable_status()->set_phase("generating");
  auto& metrics = *status.mutable_metrics();
  metrics["reward/mean"] = 0.5;
  metrics["policy/entropy"] = 0.125;
  metrics["response/length_mean"] = 26.7;
  metrics["throughput/response_tokens_per_s"] = 15900;
  metrics["time/step_s"] = 2;
  metrics["time/rollout_wait_s"] = 0.5;
  metrics["time/update_s"] = 1;
  EXPECT_THAT(
      RunLines(status, {0.25, 0.5}),
      ElementsAre("step 25/100  #####...............  25 %, 2 min 30 s left",
                  "reward +0.500 (+0.250 over the last 2 steps), entropy 0.125, 26.7 tokens long, 15900 tokens/s",
                  "last step 2 s  rrrrruuuuuuuuuu.....  rollout 25 %, old log-probs 0 %, update 50 %, publish 0 %",
                  "rollout, 3 of 16 groups; 2 workers: 2 generating"));
}

TEST(RunLinesTest, BeforeTheFirstStepThereAreNoNumbers) {
  v1::RunStatus status;
  status.set_total_steps(100);
  status.set_phase("evaluate");
  EXPECT_THAT(RunLines(status, {}), ElementsAre("step 0/100  ....................  0 %", "evaluate; 0 workers"));
}

TEST(RunLinesTest, AStepWithoutTokensHasNoEntropy) {
  v1::RunStatus status;
  (*status.mutable_metrics())["reward/mean"] = -1;
  (*status.mutable_metrics())["time/step_s"] = 1;
  EXPECT_THAT(RunLines(status, {})[1], testing::StartsWith("reward -1.000, 0 tokens long"));
}

TEST(EscapeHtmlTest, ShowsAnythingLiterally) {
  EXPECT_EQ(EscapeHtml(kHostile),
            "&lt;/pre&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(EscapeHtml("a\n\tb \"\xc3\xa4\" &amp;"), "a\n\tb &quot;\xc3\xa4&quot; &amp;amp;");
}

TEST(LineChartTest, TicksAreRoundAndInside) {
  EXPECT_THAT(RoundTicks(0, 100), ElementsAre(0, 20, 40, 60, 80, 100));
  EXPECT_THAT(RoundTicks(-0.4, 0.83), ElementsAre(-0.4, -0.2, 0, 0.2, 0.4, 0.6000000000000001, 0.8));
  EXPECT_THAT(RoundTicks(0.021, 0.024), SizeIs(testing::AllOf(testing::Ge(3), testing::Le(7))));
}

TEST(LineChartTest, LabelsTellTicksApart) {
  EXPECT_THAT(TickLabels({-0.5, 0, 0.5}), ElementsAre("-0.5", "0", "0.5"));
  EXPECT_THAT(TickLabels({0.99996, 0.99998, 1}), ElementsAre("0.99996", "0.99998", "1.00000"));
  EXPECT_THAT(TickLabels({20000, 40000}), ElementsAre("20000", "40000"));
  EXPECT_THAT(TickLabels({1e-9, 2e-9}), ElementsAre("1e-09", "2e-09"));
}

TEST(LineChartTest, LeavesOutWhatIsNotFinite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(LineChart("t", "u", {{"a", {{1, nan}}}}), "");
  const std::string svg = LineChart("t", "u", {{"a", {{1, 5}, {2, nan}, {3, 7}}}});
  EXPECT_THAT(svg, HasSubstr("<polyline"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

class ReportTest : public testing::Test {
 protected:
  ReportTest() {
    dir_.Write("metrics.jsonl",
               "{\"step\":1,\"reward/mean\":-0.5,\"policy/entropy\":null}\n{\"step\":2,\"reward/mean\":0.5}\n");
    dir_.Write("evaluations.jsonl", "{\"step\":0,\"eval/avg_at_k\":0.1}\n{\"step\":2,\"eval/avg_at_k\":0.6}\n");
    dir_.Write("config.yaml", std::string("run: {name: \"") + "<b>" + "\"}\n");
    const nlohmann::json sample = {
        {"step", 1},
        {"prompt", "1+1?"},
        {"responses",
         {{{"text", "</pre><script>alert(1)</script>"}, {"verdict", "wrong' onload='x"}, {"reward", -1}}}}};
    dir_.Write("samples.jsonl", sample.dump() + "\n");
  }
  TempDir dir_;
};

TEST_F(ReportTest, ThePageStandsAloneAndShowsHostileTextLiterally) {
  const auto run = RunFiles::Load(dir_.path());
  ASSERT_TRUE(run.ok()) << run.status();
  const std::string page = ReportPage({*run});
  EXPECT_THAT(page, HasSubstr("<svg"));
  EXPECT_THAT(page, HasSubstr("eval/avg_at_k</td><td class='number'>0.1</td><td class='number'>0.6</td>"));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;"));
  EXPECT_THAT(page, HasSubstr("run: {name: &quot;&lt;b&gt;&quot;}"));
  for (const char* forbidden : {"<script", "onload='", "href=", "src=", "url(", "@import", "http://", "https://"}) {
    EXPECT_THAT(page, Not(HasSubstr(forbidden)));
  }
}

TEST_F(ReportTest, SeveralRunsShareTheirCharts) {
  RunFiles first = *RunFiles::Load(dir_.path()), second = first;
  first.name = "first";
  second.name = "second";
  const std::string page = ReportPage({first, second});
  EXPECT_THAT(page, HasSubstr(">second</text>"));
  EXPECT_THAT(page, HasSubstr("first, first</th>"));
}

TEST_F(ReportTest, MeansLeaveOutStepsThatHaveNoNumber) {
  dir_.Write("metrics.jsonl", "{\"step\":1,\"reward/mean\":1}\n{\"step\":2,\"reward/mean\":1,\"policy/entropy\":2}\n");
  const std::string table = RunSummary::Load(dir_.path())->Table(dir_.path());
  EXPECT_THAT(table, testing::ContainsRegex("entropy, nats per token +- +2.000"));
}

TEST_F(ReportTest, AFolderWithoutMetricsIsNamed) {
  TempDir empty;
  EXPECT_THAT(std::string(RunFiles::Load(empty.path()).status().message()), HasSubstr(empty.path()));
}

TEST(GpuPlacementTest, EveryProcessHasAGpuWhereThereAreEnough) {
  const GpuPlacement placement = PlaceOnGpus("cuda", /*num_workers=*/3, /*num_gpus=*/4);
  EXPECT_EQ(placement.learner, "cuda:0");
  EXPECT_THAT(placement.workers, ElementsAre("cuda:1", "cuda:2", "cuda:3"));
  EXPECT_FALSE(placement.shares_a_gpu);
}

TEST(GpuPlacementTest, WorkersShareGpusBeforeTheyShareTheLearners) {
  const GpuPlacement few = PlaceOnGpus("cuda", 3, 3), one = PlaceOnGpus("cuda", 2, 1),
                     named = PlaceOnGpus("cuda:5", 1, 8);
  EXPECT_THAT(few.workers, ElementsAre("cuda:1", "cuda:2", "cuda:1"));
  EXPECT_THAT(one.workers, ElementsAre("cuda:0", "cuda:0"));
  EXPECT_EQ(named.learner, "cuda:5");
  EXPECT_THAT(named.workers, ElementsAre("cuda:5"));
  EXPECT_TRUE(few.shares_a_gpu && one.shares_a_gpu && named.shares_a_gpu);
  EXPECT_FALSE(PlaceOnGpus("cpu", 2, 0).shares_a_gpu);
}

LedgerEvent Event(LedgerEventKind kind, const std::string& group, double time) {
  LedgerEvent event;
  event.kind = kind;
  event.group_id = group;
  event.time = time;
  return event;
}

// A group's life on a worker: a second of lease, one quarter of prefill, the rest of three seconds of decoding, and
// half a one of verification.
void AddGroup(const std::string& id, double leased, GroupTimeline& timeline) {
  LedgerEvent generated = Event(LedgerEventKind::kGenerated, id, leased + 4.5);
  generated.worker_id = "worker-1#18f2.3";
  generated.seconds = 3;
  generated.prefill_seconds = 0.25;
  generated.response_tokens = 77;
  LedgerEvent scored = Event(LedgerEventKind::kScored, id, leased + 4.5);
  scored.seconds = 0.5;
  timeline.Add(Event(LedgerEventKind::kIssued, id, leased));
  timeline.Add(generated);
  timeline.Add(scored);
  timeline.Add(Event(LedgerEventKind::kAdmitted, id, leased + 4.5));
}

nlohmann::ordered_json Slices(const GroupTimeline& timeline, const std::string& name) {
  nlohmann::ordered_json found = nlohmann::ordered_json::array();
  const auto trace = ChromeTrace(timeline.slices());
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] == "X" && event["name"] == name) found.push_back(event);
  }
  return found;
}

void Train(const std::string& id, double time, GroupTimeline& timeline) {
  LedgerEvent trained = Event(LedgerEventKind::kTrained, id, time);
  trained.step = 4;
  timeline.Add(trained);
}

TEST(GroupTimelineTest, AGroupIsLeasedPrefilledDecodedVerifiedQueuedAndTrained) {
  GroupTimeline timeline({{4, 2.0}});
  AddGroup("g1", 100, timeline);
  Train("g1", 110, timeline);
  std::vector<std::string> names;
  for (const GroupTimeline::Slice& slice : timeline.slices()) names.push_back(slice.name);
  EXPECT_THAT(names, ElementsAre("lease", "prefill", "decode", "verify", "queue", "train"));
  EXPECT_EQ(Slices(timeline, "prefill")[0]["dur"], 0.25e6);
  const auto decode = Slices(timeline, "decode");
  ASSERT_THAT(decode, SizeIs(1));
  EXPECT_EQ(decode[0]["ts"], 101.25e6);
  EXPECT_EQ(decode[0]["dur"], 2.75e6);
  EXPECT_EQ(decode[0]["args"]["tokens"], 77);
  EXPECT_EQ(decode[0]["args"]["step"], 4);
  EXPECT_EQ(Slices(timeline, "verify")[0]["dur"], 0.5e6);
  EXPECT_EQ(Slices(timeline, "queue")[0]["dur"], 3.5e6);
  EXPECT_EQ(Slices(timeline, "train")[0]["ts"], 108e6);
  EXPECT_THAT(ChromeTrace(timeline.slices()).dump(), HasSubstr("{\"name\":\"worker-1\"}"));
}

TEST(GroupTimelineTest, GroupsThatOverlapLieInDifferentLanes) {
  GroupTimeline timeline;
  for (const auto& [id, leased] : {std::pair{"g1", 100.0}, std::pair{"g2", 101.0}, std::pair{"g3", 106.0}}) {
    AddGroup(id, leased, timeline);
  }
  for (const char* id : {"g1", "g2", "g3"}) Train(id, 120, timeline);
  const auto slices = Slices(timeline, "decode");
  ASSERT_THAT(slices, SizeIs(3));
  EXPECT_NE(slices[0]["tid"], slices[1]["tid"]);
  EXPECT_EQ(slices[0]["tid"], slices[2]["tid"]);
}

TEST(GroupTimelineTest, ALostLeaseLeavesOnlyTheAttemptThatCounted) {
  GroupTimeline timeline;
  timeline.Add(Event(LedgerEventKind::kIssued, "g1", 90));
  timeline.Add(Event(LedgerEventKind::kReissued, "g1", 95));
  LedgerEvent dropped = Event(LedgerEventKind::kDropped, "g1", 99);
  dropped.reason = "worker_lost";
  timeline.Add(dropped);
  ASSERT_THAT(timeline.slices(), SizeIs(1));
  EXPECT_EQ(timeline.slices()[0].name, "dropped");
}

TEST(OtlpTraceTest, EveryGroupIsATraceWhoseSpansNameIt) {
  GroupTimeline timeline({{4, 2.0}});
  for (const char* id : {"g1", "g2"}) {
    AddGroup(id, 100, timeline);
    Train(id, 110, timeline);
  }
  std::istringstream lines(OtlpTrace(timeline.slices(), "mine"));
  std::set<std::string> traces;
  int spans = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto request = nlohmann::json::parse(line);
    for (const auto& resource : request["resourceSpans"]) {
      for (const auto& span : resource["scopeSpans"][0]["spans"]) {
        traces.insert(span["traceId"].get<std::string>());
        EXPECT_EQ(span["attributes"][0]["key"], "maspo.group");
        EXPECT_EQ(span["spanId"].get<std::string>().size(), 16u);
        EXPECT_EQ(span.contains("parentSpanId"), span["name"] != "group");
        ++spans;
      }
    }
  }
  EXPECT_THAT(traces, SizeIs(2));
  EXPECT_EQ(spans, 14);
}

TEST(RowStreamTest, GivesEachRowOnceAndWhole) {
  TempDir dir;
  RowStream stream(dir.path());
  EXPECT_THAT(stream.Poll(), ElementsAre());
  dir.Write("evaluations.jsonl", "{\"step\":0}\n");
  dir.Write("metrics.jsonl", "{\"step\":1}\n{\"st");
  EXPECT_THAT(stream.Poll(), ElementsAre("{\"event\":\"evaluation\",\"step\":0}", "{\"event\":\"step\",\"step\":1}"));
  EXPECT_THAT(stream.Poll(), ElementsAre());
  dir.Write("metrics.jsonl", "{\"step\":1}\n{\"step\":2}\n");
  EXPECT_THAT(stream.Poll(), ElementsAre("{\"event\":\"step\",\"step\":2}"));
}

}  // namespace
}  // namespace maspo
