"""C++, C and Python of the docs. C++ and C are compiled, not linked. Python is compiled and, where nothing says `not run`, run:
the blocks of a page one after another with the same variables, in the page's folder."""
import re
import shutil
import subprocess
import sys

from blocks import Wrong

USERS_SOCKETS = "/run/user/1000/phaseguard"  # of the examples; the test's daemon listens elsewhere
NOT_HERE = re.compile(r"fatal error: (?:(ATen|torch|c10)/|(imgui))")
IMGUI = ("pkg-config", "--cflags", "imgui")


class Code:
    def __init__(self, source, place, flags):
        self.source, self.place, self.pages, self.skipped = source, place, {}, {}
        self.flags = list(flags)
        if shutil.which(IMGUI[0]):
            self.flags += subprocess.run(IMGUI, capture_output=True, text=True).stdout.split()

    def check_compiled(self, block):
        text, before = block.whole()
        head = "".join(text.splitlines(keepends=True)[:before])
        rest = "".join(text.splitlines(keepends=True)[before:])
        compiler, standard = ("c++", "-std=c++20") if block.words[0] == "cpp" else ("cc", "-std=c11")
        source = f'{head}#line {block.line} "{block.file}"\n{rest}'
        done = subprocess.run([compiler, standard, "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unused", f"-I{self.source}", *self.flags,
                               "-x", "c++" if compiler == "c++" else "c", "-"], input=source, capture_output=True, text=True)
        if done.returncode == 0:
            return
        if absent := NOT_HERE.search(done.stderr):
            self.skipped[f"{block.place}: {'LibTorch' if absent[1] else 'Dear ImGui'} is not installed"] = 1
            return
        errors = re.findall(r"^(?:(.*?):(\d+):\d+: )?.*?error: (.*)$", done.stderr, re.M)
        file, line, message = next((e for e in errors if e[0] == block.file), errors[0])
        raise Wrong(block.file, line if file == block.file else block.line,
                    f"the compiler says: {message}" + ("" if file == block.file else f" (in what stands around the block, {file}:{line})"))

    def check_python(self, block):
        text, before = block.whole()
        text = text.replace(USERS_SOCKETS, str(self.place.live.sockets))
        try:
            compile(text, block.file, "exec")
        except SyntaxError as error:
            raise Wrong(block.file, block.line + (error.lineno or 1) - 1 - before, f"Python says: {error.msg}") from None
        if block.not_run:
            self.skipped[f"{block.place}: {block.not_run}"] = 1
            return
        earlier = self.pages.get(block.file, "")
        page = earlier + "\n" * (block.line - 1 - before - earlier.count("\n")) + text
        self.pages[block.file] = page
        runner = f"import sys; exec(compile(sys.stdin.read(), {block.file!r}, 'exec'), {{}})"
        try:
            done = subprocess.run([sys.executable, "-c", runner], input=page, cwd=self.place.folder_of(block.file), capture_output=True,
                                  text=True, timeout=60)
        except subprocess.TimeoutExpired:
            raise Wrong(block.file, block.line, "does not end within a minute") from None
        if done.returncode != 0:
            lines = re.findall(rf'File "{re.escape(block.file)}", line (\d+)', done.stderr)
            raise Wrong(block.file, lines[-1] if lines else block.line, f"Python says: {done.stderr.strip().splitlines()[-1]}")
