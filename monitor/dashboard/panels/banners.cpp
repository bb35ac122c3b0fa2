#include <algorithm>

#include "monitor/base/text.h"
#include "monitor/dashboard/panels/panels.h"

namespace phaseguard::dashboard {
namespace {

constexpr std::size_t kMostBanners = 3;  // more of them are counted; the Alarms menu lists all
constexpr float kBannerEm = 2.0F;

void strip(ImVec2 at, float width, ImU32 colour) {
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const ImVec2 hi{at.x + width, at.y + (kBannerEm - 0.25F) * em()};
  draw.AddRectFilled(at, hi, plot::faded(colour, 0.16F), 0.2F * em());
  draw.AddRectFilled(at, {at.x + 0.3F * em(), hi.y}, colour);
}

bool any_forced(const Model& model) {
  const std::vector<KnobView> knobs = knob_views(model);
  return std::any_of(knobs.begin(), knobs.end(), [](const KnobView& knob) { return knob.forced; });
}

}  // namespace

float height_of_banners(const Model& model) {
  const std::size_t rows =
      std::min(alarms(model).size(), kMostBanners) + (any_forced(model) ? 1 : 0);
  return static_cast<float>(rows) * kBannerEm * em();
}

void draw_banners(const Model& model, View& view, ImVec2 at, float width) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const auto list = alarms(model);
  const float middle = 0.5F * (kBannerEm - 0.25F) * em();
  using plot::text_at;
  for (std::size_t i = 0; i < std::min(list.size(), kMostBanners); ++i) {
    const Alarm& a = list[i];
    const Sign sign = sign_of(a.level, p);
    strip(at, width, sign.colour);
    alarm_sign(p, {at.x + 1.5F * em(), at.y + middle}, 1.45F * em(), a.level, a.number);
    const float text_y = at.y + middle - 0.5F * em();
    const float word_x = at.x + 2.8F * em();
    text_at(draw, {word_x, text_y}, sign.colour, a.word);
    std::string text = a.text;
    if (i + 1 == kMostBanners && list.size() > kMostBanners) {
      text.insert(0, "+" + std::to_string(list.size() - kMostBanners) + " more in Alarms;  ");
    }
    const float text_x = word_x + 5.2F * em();
    text_at(draw, {text_x, text_y}, p.text, plot::elided(text, at.x + width - text_x - em()));
    at.y += kBannerEm * em();
  }
  std::string text;
  for (const KnobView& knob : knob_views(model)) {
    if (!knob.forced) continue;
    text += (text.empty() ? "" : ";  ") + one_line(knob.name, 40) + " " +
            number_text(knob.forced_value) + " by " + knob.forced_by;
    if (!knob.reason.empty()) text += " (" + one_line(knob.reason, 120) + ")";
    text += knob.expires.value >= 0 ? ", until step " + std::to_string(knob.expires.value)
                                    : ", until released";
  }
  if (text.empty()) return;
  strip(at, width, p.override_);
  plot::shape_at(draw, {at.x + 1.5F * em(), at.y + middle}, 1.1F * em(), plot::Shape::kDiamond,
                 p.override_);
  const float text_y = at.y + middle - 0.5F * em();
  text_at(draw, {at.x + 2.8F * em(), text_y}, p.override_, "MANUAL");
  text_at(draw, {at.x + 8.0F * em(), text_y}, p.text, plot::elided(text, width - 9.0F * em()));
}

}  // namespace phaseguard::dashboard
