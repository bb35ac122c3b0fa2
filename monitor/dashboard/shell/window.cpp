#include <GL/gl.h>
#include <GLFW/glfw3.h>
#include <backends/imgui_impl_glfw.h>
#include <backends/imgui_impl_opengl3.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <utility>
#include <vector>

#include "monitor/base/printable.h"
#include "monitor/dashboard/plot/glyphs.h"
#include "monitor/dashboard/shell/alarm_file.h"
#include "monitor/dashboard/shell/fonts.h"
#include "monitor/dashboard/shell/layout.h"
#include "monitor/dashboard/shell/pixels.h"
#include "monitor/dashboard/shell/shell.h"

namespace phaseguard::dashboard {
namespace {

constexpr double kCalmS = 0.5;         // between two frames while nobody touches the window
constexpr double kAttendedS = 0.04;    // at least between two that new data ask for, when one does
constexpr double kAttendedForS = 3.0;  // after the last input
constexpr int kFramesAfterInput = 3;
constexpr std::int64_t kBlinkNs = 1'000'000'000;  // a multiple of kCalmS
constexpr double kFrameWhileReadingS = 0.033;     // between frames a record is taken in

volatile std::sig_atomic_t g_stop = 0;
void on_signal(int /*signal*/) { g_stop = 1; }

float g_screen_scale = 1.0F;  // drawing thread only, like g_refresh: what the screen asks for
void on_scale(GLFWwindow* /*window*/, float x, float /*y*/) { g_screen_scale = x; }

bool g_refresh = false;  // drawing thread only: the window system has lost the picture
void on_refresh(GLFWwindow* /*window*/) { g_refresh = true; }

bool g_input = false;  // drawing thread only: somebody did something since the last frame

// Before those of Dear ImGui, which calls what it finds.
void notice_input(GLFWwindow* window) {
  glfwSetCursorPosCallback(window, [](GLFWwindow*, double, double) { g_input = true; });
  glfwSetMouseButtonCallback(window, [](GLFWwindow*, int, int, int) { g_input = true; });
  glfwSetScrollCallback(window, [](GLFWwindow*, double, double) { g_input = true; });
  glfwSetWindowFocusCallback(window, [](GLFWwindow*, int) { g_input = true; });
  glfwSetFramebufferSizeCallback(window, [](GLFWwindow*, int, int) { g_input = true; });
}

// Dear ImGui before 1.87 looks at the keys once a frame. One that went up in the frame in which it
// went down would not have been pressed, and Ctrl + P without its Ctrl is a P. What goes up in a
// frame in which a key went down waits for the next one, and all that comes behind it. Drawing
// thread only.
struct KeyEvent {
  int key;
  int scancode;
  int action;
  int mods;
};
bool g_pressed = false;  // a key, in this frame
std::vector<KeyEvent> g_waiting;

void on_key(GLFWwindow* window, int key, int scancode, int action, int mods) {
  g_input = true;
  if (!g_waiting.empty() || (g_pressed && action == GLFW_RELEASE)) {
    g_waiting.push_back({key, scancode, action, mods});
    return;
  }
  g_pressed = g_pressed || action == GLFW_PRESS;
  ImGui_ImplGlfw_KeyCallback(window, key, scancode, action, mods);
}

void next_keys(GLFWwindow* window) {
  g_pressed = false;
  for (const KeyEvent& each : std::exchange(g_waiting, {})) {
    on_key(window, each.key, each.scancode, each.action, each.mods);
  }
}

// When to draw: at once after input, for a few frames; for new data when some time has passed since
// the last frame; and now and then, for ages.
class Pace {
 public:
  void wait() {
    if (lively_ > 0) {
      --lively_;
      glfwWaitEventsTimeout(0.016);
      drawn_ = glfwGetTime();
      return;
    }
    glfwWaitEventsTimeout(kCalmS);
    const double due = drawn_ + (drawn_ - input_ < kAttendedForS ? kAttendedS : kCalmS);
    for (double left = due - glfwGetTime(); left > 0.0 && is_calm(); left = due - glfwGetTime()) {
      glfwWaitEventsTimeout(left);
    }
    drawn_ = glfwGetTime();
  }
  // What came of the frame: `busy` asks for the next one at once.
  void drawn(bool busy) {
    if (std::exchange(g_input, false)) {
      input_ = drawn_;
      busy = true;
    }
    if (busy || ImGui::IsAnyMouseDown() || ImGui::GetIO().WantTextInput)
      lively_ = kFramesAfterInput;
  }

 private:
  static bool is_calm() { return !g_input && !g_refresh && g_stop == 0; }

  int lively_ = kFramesAfterInput;
  double drawn_ = 0.0;  // s of GLFW's clock: the last frame
  double input_ = 0.0;  // and the last one with input
};

// What is to be drawn, in one number: an unchanged frame need not be drawn again.
std::uint64_t hash_of(const ImDrawData& data) {
  std::uint64_t h = 14695981039346656037ULL;
  const auto mix = [&h](const void* bytes, std::size_t size) {
    const auto* words = static_cast<const unsigned char*>(bytes);
    for (std::size_t i = 0; i + 4 <= size; i += 4) {
      std::uint32_t word = 0;
      std::copy_n(words + i, 4, reinterpret_cast<unsigned char*>(&word));
      h = (h ^ word) * 1099511628211ULL;
    }
  };
  mix(&data.DisplaySize, sizeof data.DisplaySize);
  for (int i = 0; i < data.CmdListsCount; ++i) {
    const ImDrawList& list = *data.CmdLists[i];
    mix(list.VtxBuffer.Data, static_cast<std::size_t>(list.VtxBuffer.Size) * sizeof(ImDrawVert));
  }
  return h;
}

// For one frame: what it points at is not part of a picture.
void hide_mouse() {
#if IMGUI_VERSION_NUM < 18700
  ImGui::GetIO().MousePos = {-FLT_MAX, -FLT_MAX};
#else
  ImGui::GetIO().AddMousePosEvent(-FLT_MAX, -FLT_MAX);
#endif
}

class Window {
 public:
  Window() = default;
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;
  ~Window() {
    if (context_) {
      ImGui_ImplOpenGL3_Shutdown();
      ImGui_ImplGlfw_Shutdown();
      ImGui::DestroyContext();
    }
    if (window_ != nullptr) glfwDestroyWindow(window_);
    if (library_) glfwTerminate();
  }

  Result<void> open(const Options& options, View& view) {
    std::string why = "no display server was found";
    static std::string glfw_error;
    glfw_error.clear();
    glfwSetErrorCallback([](int /*code*/, const char* text) { glfw_error = text; });
    library_ = glfwInit() == GLFW_TRUE;
    if (library_) {
      glfwWindowHint(GLFW_CONTEXT_VERSION_MAJOR, 3);
      glfwWindowHint(GLFW_CONTEXT_VERSION_MINOR, 3);
      glfwWindowHint(GLFW_OPENGL_PROFILE, GLFW_OPENGL_CORE_PROFILE);
      glfwWindowHint(GLFW_SCALE_TO_MONITOR, GLFW_FALSE);
      window_ = glfwCreateWindow(options.width, options.height, "PhaseGuard", nullptr, nullptr);
    }
    if (window_ == nullptr) {
      if (!glfw_error.empty()) why = glfw_error;
      return fail(Errc::kIo, "cannot open a window: " + why +
                                 "; start it on a desktop (DISPLAY), or use --screenshot OUT.png, "
                                 "which needs none");
    }
    glfwMakeContextCurrent(window_);
    glfwSwapInterval(1);
    glfwSetWindowRefreshCallback(window_, on_refresh);
    notice_input(window_);
    glfwSetWindowSizeLimits(window_, kLeastWidth, kLeastHeight, GLFW_DONT_CARE, GLFW_DONT_CARE);
    float ignored = 1.0F;
    glfwGetWindowContentScale(window_, &g_screen_scale, &ignored);
    glfwSetWindowContentScaleCallback(window_, on_scale);
    scale_ = options.scale;
    ImGui::CreateContext();
    context_ = true;
    ImGui::GetIO().IniFilename = nullptr;
    ImGui_ImplGlfw_InitForOpenGL(window_, true);
    glfwSetKeyCallback(window_, on_key);
    ImGui_ImplOpenGL3_Init("#version 330 core");
    take_looks(view);
    return {};
  }

  [[nodiscard]] bool closed() const { return glfwWindowShouldClose(window_) == GLFW_TRUE; }

  void draw_frame(Seen seen, View& view) {
    if (theme_ != view.theme || pixels_ != wanted_pixels(view) ||
        glyphs_ != plot::wanted_glyphs().size()) {
      take_looks(view);
    }
    ImGui_ImplOpenGL3_NewFrame();
    ImGui_ImplGlfw_NewFrame();
    const bool pictured = view.picture.has_value();
    if (pictured) hide_mouse();
    build_frame(seen, view);
    next_keys(window_);
    const std::uint64_t hash = hash_of(*ImGui::GetDrawData());
    if (hash == last_hash_ && !g_refresh && !pictured) return;
    last_hash_ = hash;
    g_refresh = false;
    int width = 0;
    int height = 0;
    glfwGetFramebufferSize(window_, &width, &height);
    glViewport(0, 0, width, height);
    glClearColor(0.0F, 0.0F, 0.0F, 1.0F);
    glClear(GL_COLOR_BUFFER_BIT);
    ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
    if (pictured) take_picture(view);
    glfwSwapBuffers(window_);
  }

 private:
  [[nodiscard]] float wanted_pixels(const View& view) const {
    return pixels_of(view, scale_ > 0.0F ? scale_ : g_screen_scale);
  }

  // Theme, size and scale, which may change while the window is open.
  void take_looks(View& view) {
    theme_ = view.theme;
    pixels_ = wanted_pixels(view);
    glyphs_ = plot::wanted_glyphs().size();
    renew_fonts(view, pixels_);
    apply_style(theme_, pixels_);
  }

  GLFWwindow* window_ = nullptr;
  bool library_ = false;
  bool context_ = false;
  plot::Theme theme_ = plot::Theme::kDark;
  float scale_ = 0.0F;  // of the command line; 0: the screen's
  float pixels_ = 0.0F;
  std::size_t glyphs_ = 0;  // that were wanted when the fonts were loaded
  std::uint64_t last_hash_ = 0;
};

// What was seen and shelved of alarms, in the file whenever it has changed.
class KeptAlarms {
 public:
  void read(Model& model, View& view) {
    auto kept = read_kept_alarms();
    if (!kept) {
      view.saved = kept.error().message;
      return;
    }
    before_ = *kept;
    tried_ = alarms_text(*kept);
    model.remember(std::move(*kept));
  }
  void write(const Model& model, View& view) {
    if (model.source().loading) return;
    std::vector<KeptAlarm> kept = kept_alarms(model, now());
    const std::string text = alarms_text(kept);
    if (text == tried_) return;
    tried_ = text;
    if (auto saved = save_kept_alarms({before_, kept}, now().wall_s); !saved) {
      view.saved = saved.error().message;
      return;
    }
    before_ = std::move(kept);
  }

 private:
  std::vector<KeptAlarm> before_;  // as they were last written, or read
  std::string tried_ = alarms_text({});
};
double seconds_since(Nanos then) {
  return static_cast<double>(now().mono.value - then.value) * 1e-9;
}

}  // namespace

Result<void> run_window(const Options& options, Seen seen, const OpenSource& open) {
  Model& model = seen.model;
  View view;
  if (options.layout.empty()) {
    if (auto last = read_last_layout(view); !last) view.layout_said = last.error().message;
  }
  view.layouts = layout_names();
  if (auto taken = take_options(options, view); !taken) return taken;
  KeptAlarms alarms;
  alarms.read(model, view);
  Window window;
  if (auto opened = window.open(options, view); !opened) return opened;
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  if (auto wanted = want(options, model); !wanted) return wanted;
  auto source = open([] { glfwPostEmptyEvent(); });
  if (!source) return tl::unexpected(source.error());
  bool selected = options.run.empty() && options.evidence == 0;
  Pace pace;
  const Nanos started = now().mono;
  Nanos drawn;
  bool more = false;
  while (!window.closed() && !view.quit && g_stop == 0) {
    if (more) {
      glfwPollEvents();
    } else {
      pace.wait();
    }
    more = exchange(**source, seen);
    const bool is_reading = model.source().loading && model.shown() != nullptr;
    if (is_reading && seconds_since(drawn) < kFrameWhileReadingS) continue;
    drawn = now().mono;
    // A recording has no more runs to come; of a daemon's one that has not begun is waited for.
    const bool is_there = model.shown() != nullptr || !model.source().live;
    if (!selected && !model.source().loading && is_there) {
      if (auto done = select(options, seen, now()); !done) return done;
      selected = true;
    }
    view.blink_off = now().mono.value / kBlinkNs % 2 == 1;
    window.draw_frame(seen, view);
    alarms.write(model, view);
    pace.drawn(view.busy || view.picture || model.source().loading || seen.replay.progress() < 1.0);
    if (options.exit_after_s > 0.0 && seconds_since(started) > options.exit_after_s) break;
  }
  source->reset();  // its thread wakes the window: it must end first
  if (auto saved = save_last_layout(view); !saved) {
    print_line(stderr, "phaseguard-dashboard: the layout is not kept: %s",
               saved.error().message.c_str());
  }
  return {};
}

}  // namespace phaseguard::dashboard
