import CLinux
import Files
import Glibc
import SystemCalls

/// A socket that a listener has opened; it listens already.
struct ListeningSocket: Sendable {
    let descriptor: Int32
    let address: ServerAddress
    /// Only programs on this machine can connect, but web pages can make a browser do so.
    let isLoopback: Bool
    /// For a socket in the file system.
    var file: SocketFile?

    /// Ends it, if no channel has it.
    func close() {
        file?.remove()
        Glibc.close(descriptor)
    }

    /// Opens all sockets of the listeners, or none.
    /// - Returns: each with the position of its listener.
    static func open(_ listeners: [ListenSettings], backlog: Int) throws(ServerError) -> [(listener: Int, socket: Self)]
    {
        var opened: [(listener: Int, socket: Self)] = []
        var taken = TakenPlaces()
        do throws(ServerError) {
            for (index, listener) in listeners.enumerated() {
                let sockets = try open(listener, besides: taken, backlog: Int32(clamping: backlog))
                for socket in sockets { opened.append((index, socket)) }
                taken.add(sockets, of: listener)
            }
        } catch {
            for (_, socket) in opened { socket.close() }
            throw error
        }
        return opened
    }

    private static func open(
        _ listener: ListenSettings, besides taken: TakenPlaces, backlog: Int32
    ) throws(ServerError) -> [ListeningSocket] {
        switch listener.place {
        case .host(let host, let port):
            guard 0...65535 ~= port else { throw ServerError(on: listener, "a port is a number from 0 to 65535") }
            return try InternetAddresses(of: host, port: port, for: listener).open(besides: taken, backlog)
        case .unix(let path, let mode, let group):
            try taken.check(.unix(path: path), for: listener)
            do throws(SocketFile.Failure) {
                let file = try SocketFile(listeningOn: path, mode: mode, group: group, backlog: backlog)
                return [
                    ListeningSocket(
                        descriptor: file.socket.descriptor, address: ServerAddress(listener.scheme, .unix(path: path)),
                        isLoopback: false, file: file)
                ]
            } catch {
                throw ServerError(on: listener, error.reason(at: path))
            }
        case .passed(let descriptors, let name):
            guard !descriptors.isEmpty else {
                let kind = name == nil ? "socket (LISTEN_FDS)" : "socket of this name (LISTEN_FDNAMES)"
                throw ServerError(on: listener, "the service manager has passed no \(kind)")
            }
            var sockets: [ListeningSocket] = []
            for descriptor in descriptors {
                guard let socket = ListeningSocket(passed: descriptor, listener.scheme) else {
                    throw ServerError(on: listener, "descriptor \(descriptor) is not a stream socket that listens")
                }
                sockets.append(socket)
            }
            return sockets
        }
    }

    /// A socket that another program has opened.
    private init?(passed descriptor: Int32, _ scheme: ServerAddress.Scheme) {
        var (type, listens, size) = (Int32(0), Int32(0), socklen_t(MemoryLayout<Int32>.size))
        guard getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0, type == SOCK_STREAM.rawValue,
            getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0, listens != 0
        else { return nil }
        self.init(descriptor: descriptor, scheme)
    }

    /// - Returns: `nil` if the socket is neither of the Internet nor of the file system.
    init?(descriptor: Int32, _ scheme: ServerAddress.Scheme) {
        guard let place = SocketPlace(ofSocket: descriptor) else { return nil }
        self.descriptor = descriptor
        switch place {
        case .internet(let address, let port):
            self.address = ServerAddress(scheme, .internet(host: address.description, port: port))
            isLoopback = address.isLoopback
        case .unix(let path):
            address = ServerAddress(scheme, .unix(path: path))
            isLoopback = false
        }
    }

    init(descriptor: Int32, address: ServerAddress, isLoopback: Bool, file: SocketFile?) {
        self.descriptor = descriptor
        self.address = address
        self.isLoopback = isLoopback
        self.file = file
    }
}

/// The places where the server listens already, on behalf of other listeners in its settings.
private struct TakenPlaces {
    private var places: [(place: SocketPlace, listener: ListenSettings)] = []

    mutating func add(_ sockets: [ListeningSocket], of listener: ListenSettings) {
        places += sockets.compactMap { socket in SocketPlace(ofSocket: socket.descriptor).map { ($0, listener) } }
    }

    /// - Throws: if two listeners have the same place. To the system, that would be another program's.
    func check(_ place: SocketPlace, for listener: ListenSettings) throws(ServerError) {
        guard let other = places.first(where: { $0.place.overlaps(place) }) else { return }
        let overlap = "\(other.listener)" == "\(listener)" ? "" : ", also as \(other.listener)"
        throw ServerError(on: listener, "the address is listed twice\(overlap)")
    }
}

/// The Internet addresses of a listener.
private struct InternetAddresses {
    private let listener: ListenSettings
    private let addresses: [IPAddress]
    private let port: Int
    /// Which of the addresses the machine may lack, as long as it has another one.
    private let areOptional: Bool

    /// - Parameter host: `nil`: all addresses, of both families. "localhost" is both loopback addresses, whatever the
    ///   system's files say.
    init(of host: String?, port: Int, for listener: ListenSettings) throws(ServerError) {
        self.listener = listener
        self.port = port
        let name = host?.lowercased()
        areOptional = host == nil || name == "localhost"
        if host == nil {
            addresses = [.anyIPv6, .anyIPv4]
        } else if name == "localhost" {
            addresses = [.loopbackIPv4, .loopbackIPv6]
        } else if let host, let address = IPAddress(host) {
            addresses = [address]
        } else {
            addresses = Self.resolve(host ?? "")
            guard !addresses.isEmpty else { throw ServerError(on: listener, "the host name can't be resolved") }
        }
    }

    private static func resolve(_ name: String) -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [IPAddress] = []
        var next = list
        while let entry = next {
            if let address = SocketPlace(entry.pointee.ai_addr)?.address, !found.contains(address) {
                found.append(address)
            }
            next = entry.pointee.ai_next
        }
        return found
    }

    /// How often a free port of one address may be in use on another.
    private static let attempts = 16

    func open(besides taken: TakenPlaces, _ backlog: Int32) throws(ServerError) -> [ListeningSocket] {
        for address in addresses { try taken.check(.internet(address, port: port), for: listener) }
        for _ in 1..<Self.attempts {
            if let sockets = try? attempt(backlog) { return sockets }
            // Another attempt would end in the same way.
            if port != 0 || addresses.count == 1 { break }
        }
        return try attempt(backlog)
    }

    /// Opens all addresses on one port.
    private func attempt(_ backlog: Int32) throws(ServerError) -> [ListeningSocket] {
        var sockets: [ListeningSocket] = []
        var port = port
        for address in addresses {
            // Where there is IPv6, "::" stands for the addresses of both families.
            if address == .anyIPv4, !sockets.isEmpty { continue }
            switch bound(to: address, port, backlog) {
            case .success(let socket):
                sockets.append(socket)
                port = socket.address.port ?? port
            case .failure(let error) where areOptional && error.isForLackOfAddress: continue
            case .failure(let error):
                for socket in sockets { socket.close() }
                throw ServerError(on: listener, code: error.code)
            }
        }
        guard !sockets.isEmpty else { throw ServerError(on: listener, code: EADDRNOTAVAIL) }
        return sockets
    }

    private struct BindError: Error {
        let code: Int32
        var isForLackOfAddress: Bool { code == EADDRNOTAVAIL || code == EAFNOSUPPORT }
    }

    private func bound(to address: IPAddress, _ port: Int, _ backlog: Int32) -> Result<ListeningSocket, BindError> {
        let place = SocketPlace.internet(address, port: port)
        let descriptor = socket(place.family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return .failure(BindError(code: errno)) }
        var (on, off) = (Int32(1), Int32(0))
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size)
        if address == .anyIPv6 { setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &off, size) }
        let isBound = place.withAddress { bind(descriptor, $0, $1) == 0 && listen(descriptor, backlog) == 0 }
        let code = errno
        guard isBound, let socket = ListeningSocket(descriptor: descriptor, listener.scheme) else {
            close(descriptor)
            return .failure(BindError(code: code))
        }
        return .success(socket)
    }
}
