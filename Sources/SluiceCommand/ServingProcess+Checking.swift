import CommandOutput
import FrontDoor
import Glibc
import Logging
import PluginDirectory
import Settings
import StreamRuntime

/// `sluice serve --check-config`, and what a server tells about its configuration at the start.
extension ServingProcess {
    /// Loads everything as a server would, and ends without serving. What is wrong is in the log.
    /// - Returns: the exit status.
    mutating func checkConfiguration() throws -> Int32 {
        defer { writer.finish() }
        guard endAtOnceIfUrged(nil) else { throw CommandFailure("no thread can be started (ulimit -u?)") }
        let report: Reloader.Report
        do {
            report = try reloader.reload {}
        } catch {
            throw CommandFailure("\(error)")
        }
        warnOfSettings()
        let counted = { (count: Int, thing: String) in "\(count) \(thing)\(count == 1 ? "" : "s")" }
        let file = settings.configurationPath.map { "\($0) is valid; " } ?? ""
        let refused = report.refusals.isEmpty ? "" : ", \(report.refusals.count) refused"
        let found = "\(counted(report.loaded.count, "plugin")), \(counted(reloader.entries.count, "route"))"
        let text = "\(file)\(settings.plugins): \(found)\(refused)\n"
        writeFully(text, to: STDOUT_FILENO)
        return report.refusals.isEmpty && !reloader.entries.isEmpty ? 0 : 1
    }

    /// In a container, a server on a loopback address can't be reached from outside.
    func warnOfLoopback(_ addresses: [ServerAddress]) {
        guard addresses.allSatisfy(\.isLoopback), let sign = Container.sign else { return }
        logger.warning(
            "only programs in this container can reach the server; to serve others, listen on all addresses (--listen :8080)",
            metadata: ["container": "\(sign)"])
    }
}

/// Whether this process runs in a container.
enum Container {
    /// What shows it; `nil` if nothing does. systemd's container interface, and the files that Docker and Podman make.
    static var sign: String? {
        if let name = getenv("container").map({ String(cString: $0) }), !name.isEmpty { return name }
        if getenv("KUBERNETES_SERVICE_HOST") != nil { return "kubernetes" }
        for (file, name) in [("/.dockerenv", "docker"), ("/run/.containerenv", "podman")] where access(file, F_OK) == 0
        {
            return name
        }
        return nil
    }
}
