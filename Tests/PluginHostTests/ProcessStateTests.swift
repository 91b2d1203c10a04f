import CLinux
import Files
import Glibc
import Processes
import Testing

@testable import PluginHost

/// Most tests run in their own process, whose state they change.
@Suite("The state of the process")
struct ProcessStateTests {
    @Test("the environment: original variables are restored, later ones are kept")
    func environment() async {
        await #expect(processExitsWith: .success) {
            setenv("KEPT", "as it was", 1)
            setenv("ALSO", "kept", 1)
            let log = StateLog()
            for change in 0..<4 {
                setenv("LATER", "\(change)", 1)
                switch change {
                case 0: clearenv()
                case 1: unsetenv("KEPT")
                case 2: setenv("KEPT", "changed", 1)
                default: sluice_environment()?[0] = nil
                }
                #expect(log.check().contains("environment"), "\(change)")
                #expect(getenv("KEPT").map { String(cString: $0) } == "as it was")
                #expect(getenv("ALSO").map { String(cString: $0) } == "kept")
                if change == 1 { #expect(getenv("LATER").map { String(cString: $0) } == "1") }
                #expect(log.check() == "", "it is back")
            }
            // The C library continues to use it like its own.
            for number in 0..<200 { setenv("MORE\(number)", "x", 1) }
            unsetenv("KEPT")
            #expect(log.check() == "the environment (KEPT)")
            #expect(getenv("MORE199") != nil && getenv("KEPT") != nil)
        }
    }

    @Test("child processes get the environment of the start, even after changes")
    func children() async {
        await #expect(processExitsWith: .success) {
            setenv("KEPT", "as it was", 1)
            ProcessEnvironment.keep()
            clearenv()
            #expect(ProcessEnvironment.variables.contains("KEPT=as it was"))
            #expect(ProcessEnvironment.value(of: "KEPT") == "as it was" && ProcessEnvironment.value(of: "KEP") == nil)
        }
    }

    @Test("the working directory")
    func directory() async {
        await #expect(processExitsWith: .success) {
            chdir("/usr")
            let log = StateLog()
            chdir("/")
            #expect(log.check() == "the working directory")
            #expect(readLink("/proc/self/cwd") == "/usr")
            #expect(log.check() == "")
        }
    }

    @Test("the dispositions of signals")
    func signals() async {
        await #expect(processExitsWith: .success) {
            var mine = sigaction()
            mine.__sigaction_handler.sa_handler = { _ in }
            mine.sa_flags = SA_RESTART
            sigaction(SIGTERM, &mine, nil)
            signal(SIGPIPE, SIG_IGN)
            // The parent process may ignore it.
            signal(SIGHUP, SIG_DFL)
            let log = StateLog()
            for number in [SIGTERM, SIGPIPE, SIGHUP] {
                signal(number, number == SIGPIPE ? SIG_DFL : SIG_IGN)
            }
            #expect(log.check() == "the disposition of SIGTERM SIGHUP SIGPIPE")
            var now = sigaction()
            sigaction(SIGTERM, nil, &now)
            #expect(now.__sigaction_handler.sa_handler != nil && now.sa_flags & SA_RESTART != 0)

            // Only the flags differ.
            mine.sa_flags = 0
            sigaction(SIGTERM, &mine, nil)
            #expect(log.check() == "the disposition of SIGTERM")

            // A handler for the code's own children takes nothing from the host.
            sigaction(SIGCHLD, &mine, nil)
            #expect(log.check() == "")
            signal(SIGCHLD, SIG_IGN)
            #expect(log.check() == "the disposition of SIGCHLD")
        }
    }

    @Test("the mask of new files, and lowered limits; raised limits do no harm")
    func maskAndLimits() async {
        await #expect(processExitsWith: .success) {
            umask(0o027)
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
            var limit = rlimit()
            getrlimit(resource, &limit)
            let soft = limit.rlim_cur - 1
            limit.rlim_cur = soft
            setrlimit(resource, &limit)
            let log = StateLog()
            umask(0)
            limit.rlim_cur = 16
            setrlimit(resource, &limit)
            #expect(log.check() == "the file mode mask (0), RLIMIT_NOFILE")
            #expect(umask(0o027) == 0o027)
            getrlimit(resource, &limit)
            #expect(limit.rlim_cur == soft)
            limit.rlim_cur = soft + 1
            setrlimit(resource, &limit)
            #expect(log.check() == "")
        }
    }

    /// Uses numbers that no other thread gets, because the lowest free ones are allocated first.
    @Test("a closed descriptor is opened again; one that refers to another file belongs to others")
    func descriptors() throws {
        let numbers = [300, 400].map { number in
            let descriptor = open("/dev/null", O_WRONLY | O_CLOEXEC)
            defer { close(descriptor) }
            return fcntl(descriptor, F_DUPFD, Int32(number))
        }
        try #require(numbers.allSatisfy { $0 >= 0 })
        defer { numbers.forEach { close($0) } }
        var kept = KeptDescriptors([(numbers[0], "one"), (numbers[1], "two")])
        #expect(kept.putBack(isLoading: false) == [])
        close(numbers[0])
        let other = open("/dev/zero", O_RDONLY | O_CLOEXEC)
        #expect(dup2(other, numbers[1]) == numbers[1])
        close(other)
        #expect(kept.putBack(isLoading: false) == ["one"])
        #expect(readLink("/proc/self/fd/\(numbers[0])") == "/dev/null")
        #expect(fcntl(numbers[0], F_GETFD) & FD_CLOEXEC == 0)
        #expect(readLink("/proc/self/fd/\(numbers[1])") == "/dev/zero")
    }

    @Test("the locale of numbers, after a load")
    func numbers() async {
        await #expect(processExitsWith: .success) {
            let log = StateLog()
            #expect(setlocale(LC_NUMERIC, "C.UTF-8") != nil)
            #expect(log.check() == "", "another thread may be setting it")
            #expect(log.check(loading: "x.so") == "the locale of numbers (C.UTF-8)")
            #expect(String(cString: setlocale(LC_NUMERIC, nil)) == "C")
        }
    }

    @Test("the log names the plugin that was loaded last, and is not flooded")
    func lines() async {
        await #expect(processExitsWith: .success) {
            chdir("/")
            let log = StateLog()
            chdir("/usr")
            _ = log.check()
            #expect(log.lines.last?.metadata["loaded_last"] == "a plugin")
            #expect(log.check(loading: "plugins/x.so") == "")
            for _ in 0..<100 {
                chdir("/usr")
                _ = log.check()
            }
            #expect(log.lines.last?.metadata["loaded_last"] == "plugins/x.so")
            #expect(log.lines.count == LogLimit.linesPerPeriod)
        }
    }
}

/// Keeps the state of its own process, and reads the log about it.
private struct StateLog {
    private let state: ProcessState

    init() {
        state = ProcessState(RecordedLog.logger("state"))
    }

    var lines: [RecordedLog.Line] { RecordedLog.lines("test", "state") }

    /// - Returns: the reported changes; empty if nothing is reported, or too much.
    func check(loading file: String? = nil) -> String {
        let before = lines.count
        state.check(loading: file)
        return lines.count > before ? lines.last?.metadata["changed"] ?? "" : ""
    }
}
