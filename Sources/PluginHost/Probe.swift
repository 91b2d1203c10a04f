import CLinux
import EventStream
import Glibc
import Logging
import ProducerInterface

/// The process in which a plugin is tried before the server loads it: whatever the plugin's constructors and its entry
/// do there, they do to no other process.
package enum Probe {
    /// Where the prober has put the end of the pipe.
    static let reportDescriptor: Int32 = 3
    /// The pipe is moved to this number or above: far from the descriptors that the plugin opens.
    static let privateDescriptor: Int32 = 200
    /// The exit status if nothing can be reported.
    static let mute: Int32 = 117

    /// Loads the file as a server would, and reports the result. Runs no destructors: what the plugin has left does not
    /// matter.
    /// - Parameters:
    ///   - reports: whether a prober has started this process, and left its pipe.
    ///   - parent: the process of that prober; `nil` if a person has started this one.
    ///   - memoryBytes: how much the plugin may allocate.
    ///   - seconds: the limit of processor time, for what the plugin may leave running.
    package static func run(_ file: String, reports: Bool, parent: Int32?, memoryBytes: Int, seconds: Int) -> Never {
        let report = ReportPipe(isThere: reports)
        ProbeLimits.set(memoryBytes: memoryBytes, seconds: seconds, report: report.descriptor)
        // The probe ends with its parent: then nothing waits for an answer, and nothing would end a plugin that hangs.
        guard sluice_die_with_parent(parent ?? getppid()) != 0 else { _exit(mute) }
        // This may be one of the threads that Swift's runtime starts, which block signals.
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
        // ECHILD, unless the plugin has started a process that still runs (or was never waited for).
        guard waitpid(-1, nil, WNOHANG) < 0 else {
            throw Defect(
                "it starts a process while it is loaded, and leaves it running",
                remedy: "start it when a stream opens, and end it with the stream")
        }
        return manifest
    }
}

/// The probe's end of the pipe. If there is none (a person runs the probe in a debugger), reports go nowhere.
private struct ReportPipe {
    let descriptor: Int32

    /// Moves it where no code of a plugin finds it by accident.
    init(isThere: Bool) {
        guard isThere else {
            descriptor = -1
            return
        }
        // The limit may be lower than that.
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
