import CLinux
import EventStream
import Glibc
import Logging
import ProducerInterface

/// The process in which a plugin is tried before the server loads it: whatever the plugin's constructors and its entry do there, they
/// do to nobody else.
package enum Probe {
    /// Where the prober put the pipe's end.
    static let reportDescriptor: Int32 = 3
    /// Its place from then on is at least this: far from where a plugin's own descriptors are.
    static let privateDescriptor: Int32 = 200
    /// The exit status when nobody can be told.
    static let mute: Int32 = 117

    /// Loads the file as a server would, and reports what comes of it. Runs no destructor: what the plugin left is of no concern.
    /// - Parameters:
    ///   - reports: whether a prober has started this, and left its pipe.
    ///   - parent: the process of that prober; `nil` if a person has started this.
    ///   - memoryBytes: what the plugin may allocate.
    ///   - seconds: of processor time, for what it may leave running.
    package static func run(_ file: String, reports: Bool, parent: Int32?, memoryBytes: Int, seconds: Int) -> Never {
        let report = ReportPipe(isThere: reports)
        ProbeLimits.set(memoryBytes: memoryBytes, seconds: seconds, report: report.descriptor)
        // With whoever asked: then nobody waits for an answer, and nobody would end a plugin that hangs.
        guard sluice_die_with_parent(parent ?? getppid()) != 0 else { _exit(mute) }
        // This may be one of the threads that Swift's runtime starts, where they are blocked.
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        do throws(PluginRefusal) {
            let file = try PluginFile(reading: file, insecure: true)
            do throws(Defect) {
                let manifest = try tried(file, report)
                report.send(.accepted(content: "\(file.contentID)", declaration: manifest.declaration))
            } catch {
                report.send(.refused(error))
            }
        } catch {
            report.send(
                .refused(
                    Defect("the probe can't read it: \(error.rule)", remedy: error.remedy, cause: .surroundings)))
        }
        _exit(0)
    }

    private static func tried(_ file: PluginFile, _ report: ReportPipe) throws(Defect) -> Manifest {
        try file.checkImage()
        report.send(.constructors)
        let image = try Image(mapping: file.path, madeFrom: file.path)
        report.send(.entry)
        let quiet = Logger(label: "probe") { _ in SwiftLogNoOpLogHandler() }
        let declared = try image.declared(logger: quiet)
        report.send(.manifest)
        let manifest = try Manifest(reading: declared)
        let configuration = OperatorConfiguration([:])
        for producer in manifest.producers {
            _ = try PluginProducer(producer, encoder: EventEncoder(), configuration: configuration, logger: quiet)
        }
        // ECHILD, unless the plugin started a process that is still there (or was never waited for).
        guard waitpid(-1, nil, WNOHANG) < 0 else {
            throw Defect(
                "it starts a process while it is loaded, and leaves it running",
                remedy: "start it when a stream opens, and end it with the stream")
        }
        return manifest
    }
}

/// The probe's end of the pipe. Without one (a person runs the probe, in a debugger) reports go nowhere.
private struct ReportPipe {
    let descriptor: Int32

    /// Puts it where no code of a plugin happens upon it.
    init(isThere: Bool) {
        guard isThere else {
            descriptor = -1
            return
        }
        // Fewer may be allowed than that.
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let place = min(Probe.privateDescriptor, Int32(clamping: limit.rlim_cur) - 1)
        descriptor = fcntl(Probe.reportDescriptor, F_DUPFD_CLOEXEC, place)
        close(Probe.reportDescriptor)
        write(ProbeReport.mark)
    }

    func send(_ stage: ProbeReport.Stage) { write(ProbeReport.record(stage)) }
    func send(_ verdict: ProbeReport.Verdict) { write(ProbeReport.record(verdict)) }

    private func write(_ bytes: [UInt8]) {
        guard descriptor >= 0 else { return }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 { rest = rest.dropFirst(count) }
            if count < 0, errno != EINTR { _exit(Probe.mute) }
        }
    }
}
