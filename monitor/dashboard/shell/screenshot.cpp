// EGL without a surface on any screen ("surfaceless" platform, else the default one) with a
// pbuffer: works with no display server and no window library.
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GL/gl.h>
#include <backends/imgui_impl_opengl3.h>

#include <chrono>
#include <cmath>
#include <thread>

#include "monitor/dashboard/plot/glyphs.h"
#include "monitor/dashboard/shell/fonts.h"
#include "monitor/dashboard/shell/pixels.h"
#include "monitor/dashboard/shell/shell.h"

namespace phaseguard::dashboard {
namespace {

// An OpenGL context of this thread while it lives.
class Offscreen {
 public:
  static Result<Offscreen> open(int width, int height);
  Offscreen(Offscreen&& other) noexcept : display_(std::exchange(other.display_, EGL_NO_DISPLAY)) {}
  Offscreen& operator=(Offscreen&&) = delete;
  ~Offscreen() {
    if (display_ == EGL_NO_DISPLAY) return;
    eglMakeCurrent(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
    eglTerminate(display_);
  }

 private:
  explicit Offscreen(EGLDisplay display) : display_(display) {}
  EGLDisplay display_;
};

tl::unexpected<Error> no_egl(const char* what) {
  return fail(Errc::kIo, std::string("cannot draw without a display: ") + what +
                             " failed; install Mesa's EGL and software renderer (Debian: libegl1 "
                             "libgl1-mesa-dri), or open a window instead of --screenshot");
}

EGLDisplay open_display() {
  const auto get = reinterpret_cast<PFNEGLGETPLATFORMDISPLAYEXTPROC>(
      eglGetProcAddress("eglGetPlatformDisplayEXT"));
  EGLint major = 0;
  EGLint minor = 0;
  if (get != nullptr) {
    EGLDisplay display = get(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, nullptr);
    if (display != EGL_NO_DISPLAY && eglInitialize(display, &major, &minor) == EGL_TRUE) {
      return display;
    }
  }
  EGLDisplay display = eglGetDisplay(EGL_DEFAULT_DISPLAY);
  if (display != EGL_NO_DISPLAY && eglInitialize(display, &major, &minor) == EGL_TRUE)
    return display;
  return EGL_NO_DISPLAY;
}

Result<Offscreen> Offscreen::open(int width, int height) {
  EGLDisplay display = open_display();
  if (display == EGL_NO_DISPLAY) return no_egl("eglInitialize");
  Offscreen offscreen(display);
  const EGLint wanted[] = {EGL_SURFACE_TYPE,
                           EGL_PBUFFER_BIT,
                           EGL_RENDERABLE_TYPE,
                           EGL_OPENGL_BIT,
                           EGL_RED_SIZE,
                           8,
                           EGL_GREEN_SIZE,
                           8,
                           EGL_BLUE_SIZE,
                           8,
                           EGL_ALPHA_SIZE,
                           8,
                           EGL_NONE};
  EGLConfig config = nullptr;
  EGLint count = 0;
  if (eglChooseConfig(display, wanted, &config, 1, &count) != EGL_TRUE || count == 0) {
    return no_egl("eglChooseConfig");
  }
  const EGLint size[] = {EGL_WIDTH, width, EGL_HEIGHT, height, EGL_NONE};
  EGLSurface surface = eglCreatePbufferSurface(display, config, size);
  if (surface == EGL_NO_SURFACE) return no_egl("eglCreatePbufferSurface");
  if (eglBindAPI(EGL_OPENGL_API) != EGL_TRUE) return no_egl("eglBindAPI");
  const EGLint version[] = {EGL_CONTEXT_MAJOR_VERSION, 3, EGL_CONTEXT_MINOR_VERSION, 3, EGL_NONE};
  EGLContext context = eglCreateContext(display, config, EGL_NO_CONTEXT, version);
  if (context == EGL_NO_CONTEXT) return no_egl("eglCreateContext (OpenGL 3.3)");
  if (eglMakeCurrent(display, surface, surface, context) != EGL_TRUE)
    return no_egl("eglMakeCurrent");
  return offscreen;
}

// A recording: until it is read. A daemon: until it has answered and a run has come, at most
// wait_s.
void wait_for_data(const Options& options, Seen seen, Source& source) {
  const Model& model = seen.model;
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::duration<double>(options.wait_s);
  while (true) {
    const bool more = exchange(source, seen);
    if (!model.source().loading && (!model.source().live || model.shown() != nullptr)) break;
    if (model.source().live && Clock::now() > until) break;
    if (more) continue;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

Result<void> draw_picture(const Options& options, Seen seen, View& view) {
  ImGui::CreateContext();
  ImGuiIO& io = ImGui::GetIO();
  io.IniFilename = nullptr;
  io.DisplaySize = {static_cast<float>(options.width), static_cast<float>(options.height)};
  io.DeltaTime = 1.0F / 60.0F;
  const float pixels = pixels_of(view, options.scale > 0.0F ? options.scale : 1.0F);
  view.fonts = load_fonts(pixels);
  ImGui_ImplOpenGL3_Init("#version 330 core");
  apply_style(view.theme, pixels);
  constexpr int kFrames = 4;  // scrolling lists and popups need some to settle
  const auto build_frames = [&] {
    for (int i = 0; i < kFrames; ++i) {
      ImGui_ImplOpenGL3_NewFrame();
      build_frame(seen, view);
    }
  };
  build_frames();
  if (!plot::wanted_glyphs().empty()) {
    renew_fonts(view, pixels);
    build_frames();
  }
  glViewport(0, 0, options.width, options.height);
  glClearColor(0.0F, 0.0F, 0.0F, 1.0F);
  glClear(GL_COLOR_BUFFER_BIT);
  ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
  glFinish();
  const Box all{{0.0F, 0.0F}, io.DisplaySize};
  auto written = write_pixels(options.screenshot, all, options.height);
  ImGui_ImplOpenGL3_Shutdown();
  ImGui::DestroyContext();
  return written;
}

// The moment and the comparison that were asked for.
void wait_for_replay(const Options& options, Seen seen, Source& source) {
  const bool wanted = options.at_step >= 0 || !options.what_if.empty();
  const auto is_there = [&] {
    const Alternative* other = seen.replay.alternative();
    const bool compared = other == nullptr || !other->problem().empty() ||
                          other->place() == seen.replay.tape().size();
    const bool moved = options.at_step < 0 || seen.replay.past() != nullptr ||
                       seen.replay.place() == seen.replay.tape().size();
    return seen.replay.complete() && seen.replay.progress() >= 1.0 && compared && moved;
  };
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::duration<double>(options.wait_s);
  while (wanted && Clock::now() < until) {
    const bool more = exchange(source, seen);
    if (is_there()) return;
    if (more) continue;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace

Result<void> take_screenshot(const Options& options, Seen seen, Source& source) {
  View view;
  if (auto taken = take_options(options, view); !taken) return taken;
  if (auto wanted = want(options, seen.model); !wanted) return wanted;
  wait_for_data(options, seen, source);
  if (auto selected = select(options, seen, now()); !selected) return selected;
  wait_for_replay(options, seen, source);
  auto offscreen = Offscreen::open(options.width, options.height);
  if (!offscreen) return tl::unexpected(offscreen.error());
  return draw_picture(options, seen, view);
}

}  // namespace phaseguard::dashboard
