import CSluice
import TestSupport
import Testing

@Suite("sluice.h")
struct HeaderTests {
    @Test(
        "compiles alone, without a warning, as C11 and as C++17",
        arguments: [("gcc", "c", "c11"), ("g++", "c++", "c++17"), ("clang", "c", "c11"), ("clang++", "c++", "c++17")])
    func alone(compiler: String, language: String, standard: String) throws {
        let directory = TemporaryDirectory()
        let source = directory.write("#include <sluice.h>\n".utf8, to: "alone")
        try compile(source, compiler, language, standard)
    }

    @Test(
        "a plugin that uses its macros compiles without a warning, as C11 and as C++17",
        arguments: [("gcc", "c", "c11"), ("g++", "c++", "c++17"), ("clang", "c", "c11"), ("clang++", "c++", "c++17")])
    func macros(compiler: String, language: String, standard: String) throws {
        let directory = TemporaryDirectory()
        let plugin = """
            #include <sluice.h>
            static const sluice_host *host;
            static int32_t begin(sluice_stream *stream, void **state, const char *symbol, double interval)
            {
                sluice_event event;
                (void)state, (void)symbol, (void)interval;
                sluice_event_init(&event);
                event.data_length = SLUICE_CSTR;
                host->emit(stream, &event);
                return SLUICE_OPEN_OK;
            }
            static int32_t end(void *state, int32_t reason)
            {
                (void)state;
                return reason == SLUICE_CLOSE_SHUTDOWN ? SLUICE_CLOSED : SLUICE_CLOSING;
            }
            static const sluice_producer producer = {
                sizeof(sluice_producer), SLUICE_NONBLOCKING, "it", NULL, NULL, "symbol: str, interval: f64",
                SLUICE_OPEN(begin), NULL, end, NULL, NULL,
            };
            SLUICE_PLUGIN(host, "it", "1.0", NULL, &producer)

            """
        try compile(directory.write(plugin.utf8, to: "plugin"), compiler, language, standard)
    }

    private func compile(_ source: String, _ compiler: String, _ language: String, _ standard: String) throws {
        let run = try ChildProgram.run([
            compiler, "-x", language, "-std=\(standard)", "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only",
            "-I\(repositoryRoot)/include", source,
        ])
        #expect(run.status == 0, "\(run.output)")
    }

    // These tests fix the binary interface of version 1: a plugin that was built with it must load forever, so none of
    // these numbers may change. A later minor version adds lines.

    @Test("the layout of sluice_event")
    func event() {
        typealias Event = MemoryLayout<sluice_event>
        #expect(Event.size == 88 && Event.stride == 88 && Event.alignment == 8)
        #expect(Event.offset(of: \.struct_size) == 0)
        #expect(Event.offset(of: \.reserved) == 4)
        #expect(Event.offset(of: \.data) == 8)
        #expect(Event.offset(of: \.data_length) == 16)
        #expect(Event.offset(of: \.type) == 24)
        #expect(Event.offset(of: \.type_length) == 32)
        #expect(Event.offset(of: \.id) == 40)
        #expect(Event.offset(of: \.id_length) == 48)
        #expect(Event.offset(of: \.comment) == 56)
        #expect(Event.offset(of: \.comment_length) == 64)
        #expect(Event.offset(of: \.retry_ms) == 72)
        #expect(Event.offset(of: \.wait_ms) == 80)
    }

    @Test("the layout of sluice_producer")
    func producer() {
        typealias Producer = MemoryLayout<sluice_producer>
        #expect(Producer.size == 80 && Producer.stride == 80 && Producer.alignment == 8)
        #expect(Producer.offset(of: \.struct_size) == 0)
        #expect(Producer.offset(of: \.flags) == 4)
        #expect(Producer.offset(of: \.name) == 8)
        #expect(Producer.offset(of: \.route) == 16)
        #expect(Producer.offset(of: \.description) == 24)
        #expect(Producer.offset(of: \.parameters) == 32)
        #expect(Producer.offset(of: \.open) == 40)
        #expect(Producer.offset(of: \.next) == 48)
        #expect(Producer.offset(of: \.close) == 56)
        #expect(Producer.offset(of: \.interrupt) == 64)
        #expect(Producer.offset(of: \.save) == 72)
    }

    @Test("the layout of sluice_plugin")
    func plugin() {
        typealias Plugin = MemoryLayout<sluice_plugin>
        #expect(Plugin.size == 64 && Plugin.stride == 64 && Plugin.alignment == 8)
        #expect(Plugin.offset(of: \.magic) == 0)
        #expect(Plugin.offset(of: \.abi_major) == 4)
        #expect(Plugin.offset(of: \.abi_minor) == 8)
        #expect(Plugin.offset(of: \.struct_size) == 12)
        #expect(Plugin.offset(of: \.name) == 16)
        #expect(Plugin.offset(of: \.version) == 24)
        #expect(Plugin.offset(of: \.description) == 32)
        #expect(Plugin.offset(of: \.producers) == 40)
        #expect(Plugin.offset(of: \.producer_count) == 48)
        #expect(Plugin.offset(of: \.shutdown) == 56)
    }

    @Test("the layout of sluice_host")
    func host() {
        typealias Host = MemoryLayout<sluice_host>
        #expect(Host.size == 240 && Host.stride == 240 && Host.alignment == 8)
        #expect(Host.offset(of: \.struct_size) == 0)
        #expect(Host.offset(of: \.abi_major) == 4)
        #expect(Host.offset(of: \.abi_minor) == 8)
        #expect(Host.offset(of: \.reserved) == 12)
        #expect(Host.offset(of: \.version) == 16)
        #expect(Host.offset(of: \.log) == 24)
        #expect(Host.offset(of: \.wake) == 32)
        #expect(Host.offset(of: \.emit) == 40)
        #expect(Host.offset(of: \.sleep) == 48)
        #expect(Host.offset(of: \.is_cancelled) == 56)
        #expect(Host.offset(of: \.parameter) == 64)
        #expect(Host.offset(of: \.query) == 72)
        #expect(Host.offset(of: \.header) == 80)
        #expect(Host.offset(of: \.path) == 88)
        #expect(Host.offset(of: \.method) == 96)
        #expect(Host.offset(of: \.remote_address) == 104)
        #expect(Host.offset(of: \.last_event_id) == 112)
        #expect(Host.offset(of: \.body) == 120)
        #expect(Host.offset(of: \.config) == 128)
        #expect(Host.offset(of: \.reject) == 136)
        #expect(Host.offset(of: \.fail) == 144)
        #expect(Host.offset(of: \.set_header) == 152)
        #expect(Host.offset(of: \.opened) == 160)
        #expect(Host.offset(of: \.closed) == 168)
        #expect(Host.offset(of: \.schedule) == 176)
        #expect(Host.offset(of: \.saved) == 184)
        #expect(Host.offset(of: \.save) == 192)
        #expect(Host.offset(of: \.bind) == 200)
        #expect(Host.offset(of: \.callback) == 208)
        #expect(Host.offset(of: \.producer) == 216)
        #expect(Host.offset(of: \.identity) == 224)
        #expect(Host.offset(of: \.claim) == 232)
    }

    @Test("the values of the constants")
    func constants() {
        #expect(SLUICE_ABI_MAJOR == 1 && SLUICE_ABI_MINOR == 1)
        #expect([SLUICE_OPEN_OK, SLUICE_OPEN_END, SLUICE_OPEN_REJECT, SLUICE_OPEN_PENDING] == [0, 1, 2, 3])
        #expect([SLUICE_NEXT_EVENT, SLUICE_NEXT_WAIT, SLUICE_NEXT_END, SLUICE_NEXT_ERROR] == [0, 1, 2, 3])
        #expect([SLUICE_CLOSED, SLUICE_CLOSING] == [0, 1])
        #expect([SLUICE_EMIT_OK, SLUICE_EMIT_FULL, SLUICE_EMIT_CLOSED, SLUICE_EMIT_INVALID] == [0, 1, 2, 3])
        #expect([SLUICE_LOG_DEBUG, SLUICE_LOG_INFO, SLUICE_LOG_WARNING, SLUICE_LOG_ERROR] == [0, 1, 2, 3])
        #expect(
            [SLUICE_NONBLOCKING, SLUICE_SHARED, SLUICE_RESUMABLE, SLUICE_BODY, SLUICE_PLAIN_OPEN] == [1, 2, 4, 8, 16])
        #expect(
            [
                SLUICE_CLOSE_COMPLETED, SLUICE_CLOSE_FAILED, SLUICE_CLOSE_DISCONNECTED, SLUICE_CLOSE_SLOW,
                SLUICE_CLOSE_EXPIRED, SLUICE_CLOSE_RELOADED, SLUICE_CLOSE_REMOVED, SLUICE_CLOSE_SHUTDOWN,
            ] == Array(1...8))
    }
}
