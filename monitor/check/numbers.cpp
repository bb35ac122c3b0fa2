#include "monitor/check/numbers.h"

#include <functional>

#include "monitor/base/table_text.h"
#include "monitor/base/text.h"

namespace phaseguard::check {

namespace {

constexpr std::int64_t kInFlightNs = 1'000'000'000;  // frames of a connection that was left
constexpr std::size_t kMostDigests = 65536;
constexpr std::size_t kReasonShown = 300;

std::string number_of(Seq number) { return std::to_string(number.value); }

Rule rule_of(const wire::Word<wire::RejectCode>& code, bool welcomed) {
  if (code == wire::RejectCode::kClaimed || code == wire::RejectCode::kUnknown ||
      code == wire::RejectCode::kSuperseded)
    return Rule::kSession;
  const bool of_hello =
      code == wire::RejectCode::kPolicy || (code == wire::RejectCode::kMalformed && !welcomed);
  return of_hello ? Rule::kDeclaration : Rule::kFrames;
}

}  // namespace

void Numbers::on_frame(daemon::PeerId peer, const wire::Message& message, std::string_view bytes,
                       Now now, Findings& findings) {
  ++frames_;
  if (std::holds_alternative<wire::Hello>(message.body))
    return on_hello(peer, message, now, findings);
  look_at_owner(peer, message, now, findings);
  was_new_ = false;
  if (std::holds_alternative<wire::Heartbeat>(message.body)) return;
  on_numbered(message, bytes, findings);
}

void Numbers::on_hello(daemon::PeerId peer, const wire::Message& message, Now now,
                       Findings& findings) {
  const auto& hello = std::get<wire::Hello>(message.body);
  speaks_1_1_ = message.header.version.minor > 0;
  if (message.header.seq != Seq{1})
    findings.add(
        Rule::kSequence,
        {"hello not 1", "expected number 1 of a hello, found " + number_of(message.header.seq),
         message.header.seq, message.header.step});
  const bool is_same = sessions_ > 0 && hello.session == session_;
  if (is_same && goodbye_)
    findings.add(Rule::kSession,
                 {"same session again",
                  "expected a session of its own for each process, found a hello with that of the "
                  "process that has said goodbye",
                  message.header.seq, message.header.step});
  if (!is_same) {
    session_ = hello.session;
    ++sessions_;
    digests_.clear();
    has_gap_ = false;
    highest_ = message.header.seq;
    goodbye_ = false;
    is_twice_ = false;
  }
  from_ = hello.from;
  if (peer == owner_) return;
  if (superseded_.count(peer) > 0) look_at_owner(peer, message, now, findings);
  if (owner_ != 0 && is_same) superseded_[owner_] = now.mono;
  superseded_.erase(peer);
  owner_ = peer;
}

// A connection that another one took the run from, and that goes on: two processes have the
// session.
void Numbers::look_at_owner(daemon::PeerId peer, const wire::Message& message, Now now,
                            Findings& findings) {
  if (peer == owner_) return;
  const auto left = superseded_.find(peer);
  if (left == superseded_.end()) {
    findings.add(Rule::kSession, {"no hello",
                                  "expected a hello first on each connection, found " +
                                      std::string(wire::kind_of(message.body)),
                                  message.header.seq, message.header.step});
    return;
  }
  if (now.mono.value - left->second.value < kInFlightNs) return;
  is_twice_ = true;
  findings.add(Rule::kSession,
               {"second process",
                "expected one process under a session, found two connections that both send under "
                "it: a forked child, or a script that runs twice",
                message.header.seq, message.header.step});
}

void Numbers::on_numbered(const wire::Message& message, std::string_view bytes,
                          Findings& findings) {
  const Seq number = message.header.seq;
  const std::size_t digest = std::hash<std::string_view>{}(bytes);
  if (number > highest_) {
    const Seq next{highest_.value + 1};
    // What the hello said it can no longer send is no gap.
    const bool is_gap = number > next && number > from_;
    has_gap_ = has_gap_ || is_gap;
    if (goodbye_)
      findings.add(Rule::kGoodbye, {"after goodbye",
                                    "expected nothing after the goodbye, found " +
                                        std::string(wire::kind_of(message.body)),
                                    number, message.header.step});
    if (is_gap)
      findings.add(Rule::kSequence,
                   {"gap", "expected number " + number_of(next) + ", found " + number_of(number),
                    number, message.header.step});
    highest_ = number;
    was_new_ = true;
  } else if (const auto known = digests_.find(number); known == digests_.end()) {
    was_new_ = true;
    if (number > Seq{1} && has_gap_)
      findings.add(Rule::kSequence, {"late frame",
                                     "expected numbers in order, found " + number_of(number) +
                                         " after " + number_of(highest_),
                                     number, message.header.step});
    if (number <= Seq{1}) on_other_content(message.header);
  } else {
    ++again_;
    if (known->second != digest && speaks_1_1_) on_other_content(message.header);
  }
  digests_.emplace(number, digest);
  if (digests_.size() > kMostDigests) digests_.erase(digests_.begin());
  if (const auto* goodbye = std::get_if<wire::Goodbye>(&message.body)) {
    goodbye_ = true;
    reason_ = goodbye->reason.text();
  }
}

// Whether it came from a second process or from one that was started again shows at the end.
void Numbers::on_other_content(const wire::Header& header) {
  if (others_++ == 0) first_other_ = {header.seq, header.step};
}

void Numbers::on_out(const Out& out, Findings& findings) {
  if (std::holds_alternative<wire::Welcome>(out.message.body)) {
    ++welcomes_;
    return;
  }
  const auto* reject = std::get_if<wire::Reject>(&out.message.body);
  if (reject == nullptr || reject->code == wire::RejectCode::kRecord) return;
  // Told by what was seen of the frames themselves.
  if (reject->code == wire::RejectCode::kClaimed && (others_ > 0 || goodbye_)) return;
  const Rule rule = rule_of(reject->code, welcomes_ > 0);
  if (rule == Rule::kSession && findings.verdict(rule) == Verdict::kWrong) return;
  findings.add(
      rule, {"refused (" + reject->code.text() + ")",
             "expected what can be taken; refused: " + quoted(reject->reason, kReasonShown), Seq{},
             Step{-1}});
}

void Numbers::finish(Findings& findings) const {
  if (frames_ == 0) {
    for (const Rule rule :
         {Rule::kFrames, Rule::kDeclaration, Rule::kSession, Rule::kSequence, Rule::kGoodbye})
      findings.missed(rule, "no trainer said hello");
    return;
  }
  if (others_ > 0)
    findings.add(Rule::kSession,
                 {is_twice_ ? "second process" : "same session again",
                  "expected new numbers, found known ones with other content: " +
                      std::string(is_twice_ ? "two processes count under one session"
                                            : "the numbers begin again under the same session"),
                  first_other_.first, first_other_.second, others_});
  findings.saw(Rule::kFrames, counted(frames_, "frame") + ", all readable");
  if (welcomes_ > 0) findings.saw(Rule::kDeclaration, "welcomed");
  findings.saw(Rule::kSession, counted(sessions_, "session") + ", one connection at a time");
  findings.saw(Rule::kSequence, "numbers 1 to " + number_of(highest_) + " without a gap");
  if (goodbye_) findings.saw(Rule::kGoodbye, quoted(reason_, 40));
}

}  // namespace phaseguard::check
