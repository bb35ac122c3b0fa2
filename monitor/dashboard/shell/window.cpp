#include <GL/gl.h>
#include <GLFW/glfw3.h>
#include <backends/imgui_impl_glfw.h>
#include <backends/imgui_impl_opengl3.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdint>

#include "monitor/base/printable.h"
#include "monitor/dashboard/plot/glyphs.h"
#include "monitor/dashboard/shell/fonts.h"
#include "monitor/dashboard/shell/layout.h"
#include "monitor/dashboard/shell/shell.h"

namespace phaseguard::dashboard {
namespace {

constexpr double kHeartbeatS = 0.5;  // ages go on ticking when nothing else happens
constexpr int kFramesAfterInput = 3;
constexpr double kFrameWhileReadingS = 0.033;  // between frames a record is taken in

volatile std::sig_atomic_t g_stop = 0;
void on_signal(int /*signal*/) { g_stop = 1; }

float g_screen_scale = 1.0F;  // drawing thread only, like g_refresh: what the screen asks for
void on_scale(GLFWwindow* /*window*/, float x, float /*y*/) { g_screen_scale = x; }

bool g_refresh = false;  // drawing thread only: the window system has lost the picture
void on_refresh(GLFWwindow* /*window*/) { g_refresh = true; }

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
    glfwSetWindowSizeLimits(window_, kLeastWidth, kLeastHeight, GLFW_DONT_CARE, GLFW_DONT_CARE);
    float ignored = 1.0F;
    glfwGetWindowContentScale(window_, &g_screen_scale, &ignored);
    glfwSetWindowContentScaleCallback(window_, on_scale);
    scale_ = options.scale;
    ImGui::CreateContext();
    context_ = true;
    ImGui::GetIO().IniFilename = nullptr;
    ImGui_ImplGlfw_InitForOpenGL(window_, true);
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
    build_frame(seen, view);
    const std::uint64_t hash = hash_of(*ImGui::GetDrawData());
    if (hash == last_hash_ && !g_refresh) return;
    last_hash_ = hash;
    g_refresh = false;
    int width = 0;
    int height = 0;
    glfwGetFramebufferSize(window_, &width, &height);
    glViewport(0, 0, width, height);
    glClearColor(0.0F, 0.0F, 0.0F, 1.0F);
    glClear(GL_COLOR_BUFFER_BIT);
    ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
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

double seconds_since(Nanos then) {
  return static_cast<double>(now().mono.value - then.value) * 1e-9;
}

bool input_happened() {
  const ImGuiIO& io = ImGui::GetIO();
  return io.MouseDelta.x != 0.0F || io.MouseDelta.y != 0.0F || io.MouseWheel != 0.0F ||
         io.MouseDown[0] || io.MouseDown[1] || io.MouseReleased[0] || io.MouseReleased[1] ||
         io.WantTextInput;
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
  Window window;
  if (auto opened = window.open(options, view); !opened) return opened;
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  if (auto wanted = want(options, model); !wanted) return wanted;
  auto source = open([] { glfwPostEmptyEvent(); });
  if (!source) return tl::unexpected(source.error());
  bool selected = options.run.empty() && options.evidence == 0;
  int lively = kFramesAfterInput;
  const Nanos started = now().mono;
  Nanos drawn;
  bool more = false;
  while (!window.closed() && !view.quit && g_stop == 0) {
    if (more) {
      glfwPollEvents();
    } else if (lively > 0) {
      glfwWaitEventsTimeout(0.016);
      --lively;
    } else {
      glfwWaitEventsTimeout(kHeartbeatS);
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
    window.draw_frame(seen, view);
    const bool busy = view.busy || seen.replay.progress() < 1.0;
    if (input_happened() || busy) lively = kFramesAfterInput;
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
