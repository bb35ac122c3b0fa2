#include <GL/gl.h>
#include <GLFW/glfw3.h>
#include <backends/imgui_impl_glfw.h>
#include <backends/imgui_impl_opengl3.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdint>

#include "monitor/dashboard/shell/fonts.h"
#include "monitor/dashboard/shell/shell.h"

namespace phaseguard::dashboard {
namespace {

constexpr double kHeartbeatS = 0.5;  // ages go on ticking when nothing else happens
constexpr int kFramesAfterInput = 3;

volatile std::sig_atomic_t g_stop = 0;
void on_signal(int /*signal*/) { g_stop = 1; }

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
    float scale = options.scale;
    float ignored = 1.0F;
    if (scale <= 0.0F) glfwGetWindowContentScale(window_, &scale, &ignored);
    scale = std::clamp(scale, 0.5F, 4.0F);
    ImGui::CreateContext();
    context_ = true;
    ImGui::GetIO().IniFilename = nullptr;
    pixels_ = std::round(15.0F * scale);
    view.fonts = load_fonts(pixels_);
    apply_style(view.dark, pixels_);
    ImGui_ImplGlfw_InitForOpenGL(window_, true);
    ImGui_ImplOpenGL3_Init("#version 330 core");
    return {};
  }

  [[nodiscard]] bool closed() const { return glfwWindowShouldClose(window_) == GLFW_TRUE; }

  void draw_frame(Model& model, View& view) {
    if (dark_ != view.dark) {
      apply_style(view.dark, pixels_);
      dark_ = view.dark;
    }
    ImGui_ImplOpenGL3_NewFrame();
    ImGui_ImplGlfw_NewFrame();
    build_frame(model, view);
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
  GLFWwindow* window_ = nullptr;
  bool library_ = false;
  bool context_ = false;
  bool dark_ = true;
  float pixels_ = 15.0F;
  std::uint64_t last_hash_ = 0;
};

bool input_happened() {
  const ImGuiIO& io = ImGui::GetIO();
  return io.MouseDelta.x != 0.0F || io.MouseDelta.y != 0.0F || io.MouseWheel != 0.0F ||
         io.MouseDown[0] || io.MouseDown[1] || io.MouseReleased[0] || io.MouseReleased[1] ||
         io.WantTextInput;
}

}  // namespace

Result<void> run_window(const Options& options, Model& model, const OpenSource& open) {
  View view;
  view.dark = options.dark;
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
  while (!window.closed() && !view.quit && g_stop == 0) {
    if (lively > 0) {
      glfwWaitEventsTimeout(0.016);
      --lively;
    } else {
      glfwWaitEventsTimeout(kHeartbeatS);
    }
    exchange(**source, model);
    // A recording has no more runs to come; of a daemon's one that has not begun is waited for.
    const bool is_there = model.shown() != nullptr || !model.source().live;
    if (!selected && !model.source().loading && is_there) {
      if (auto done = select(options, model, now()); !done) return done;
      selected = true;
    }
    window.draw_frame(model, view);
    if (input_happened() || view.busy) lively = kFramesAfterInput;
    const double up_s = static_cast<double>(now().mono.value - started.value) * 1e-9;
    if (options.exit_after_s > 0.0 && up_s > options.exit_after_s) break;
  }
  source->reset();  // its thread wakes the window: it must end first
  return {};
}

}  // namespace phaseguard::dashboard
